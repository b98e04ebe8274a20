import { signal } from '@preact/signals';
import type { Page, SwarmbidClient, TaskListItem, TaskStatus } from '../../sdk/index.ts';
import { mergeFirstPage } from '../merge-first-page.ts';
import { report } from './session.ts';
import { subscribe } from './market.ts';
import { throttled } from './throttle.ts';

export interface TaskFilter {
  status?: TaskStatus;
  type?: string;
  agentId?: string;
}

const FIRST_PAGE = 50;
const NEXT_PAGE = 200;
const REFRESH_MS = 400;
/** Without the feed of the whole market, which only admins get. */
const POLL_MS = 3_000;
const READ_AT_ONCE = 20;

const ENDED: ReadonlySet<TaskStatus> = new Set<TaskStatus>(['completed', 'failed', 'cancelled', 'expired']);

/** One view of the tasks, kept up to date by the market's feed, or by asking where there is none. */
export class TaskList {
  readonly items = signal<readonly TaskListItem[]>([]);
  readonly loading = signal(true);
  readonly error = signal<unknown>(undefined);
  readonly complete = signal(false);
  readonly #client: SwarmbidClient;
  readonly #filter: TaskFilter;
  readonly #touched = new Set<string>();
  readonly #refresh = throttled(() => this.#readAgain(), REFRESH_MS);
  #cursor: string | null = null;
  #readingMore = false;
  #ended = false;

  constructor(client: SwarmbidClient, filter: TaskFilter) {
    this.#client = client;
    this.#filter = filter;
  }

  /** Begins to read and to follow. */
  start(live: boolean): () => void {
    void this.#readAgain();
    const unsubscribe = subscribe({
      event: ({ taskId }) => {
        this.#touched.add(taskId);
        this.#refresh.ask();
      },
      caughtUp: () => this.#touchOpen(),
    });
    const timer = live ? undefined : setInterval(() => this.#touchOpen(), POLL_MS);
    return () => {
      this.#ended = true;
      unsubscribe();
      clearInterval(timer);
      this.#refresh.cancel();
    };
  }

  async loadMore(): Promise<void> {
    if (this.#cursor === null || this.#readingMore) return;
    this.#readingMore = true;
    await this.#tell(async () => {
      const page = await this.#client.tasks({ ...this.#filter, limit: NEXT_PAGE, cursor: this.#cursor ?? undefined });
      const last = this.items.value.at(-1);
      const older = page.items.filter((item) => last === undefined || item.id < last.id);
      this.items.value = [...this.items.value, ...older];
      this.#goOnFrom(page);
    });
    this.#readingMore = false;
  }

  retry(): void {
    this.#refresh.ask();
  }

  #touchOpen(): void {
    for (const { id, status } of this.items.value) if (!ENDED.has(status)) this.#touched.add(id);
    this.#refresh.ask();
  }

  async #readAgain(): Promise<void> {
    await this.#tell(async () => {
      const page = await this.#client.tasks({ ...this.#filter, limit: FIRST_PAGE });
      const first = this.items.value.length === 0;
      this.items.value = mergeFirstPage(this.items.value, page);
      if (first || page.nextCursor === null) this.#goOnFrom(page);
      await this.#readTouched(page.items.at(-1)?.id);
    });
    this.loading.value = false;
  }

  /** What moved further down the list than the first page reaches. */
  async #readTouched(lastId: string | undefined): Promise<void> {
    const below = this.items.value.filter(({ id }) => this.#touched.has(id) && lastId !== undefined && id < lastId);
    this.#touched.clear();
    for (const { id } of below.slice(READ_AT_ONCE)) this.#touched.add(id);
    const read = await Promise.all(below.slice(0, READ_AT_ONCE).map(({ id }) => this.#client.task(id)));
    const byId = new Map(read.map((task) => [task.id, task]));
    const { status } = this.#filter;
    this.items.value = this.items.value
      .map((item) => byId.get(item.id) ?? item)
      .filter((item) => !byId.has(item.id) || status === undefined || item.status === status);
    if (this.#touched.size > 0) this.#refresh.ask();
  }

  #goOnFrom(page: Page<unknown>): void {
    this.#cursor = page.nextCursor;
    this.complete.value = page.nextCursor === null;
  }

  async #tell(read: () => Promise<void>): Promise<void> {
    try {
      await read();
      this.error.value = undefined;
    } catch (error) {
      if (!this.#ended && !report(error)) this.error.value = error;
    }
  }
}
