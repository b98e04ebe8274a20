/**
 * All events of all tasks, for admins. A hint names tasks; each is read from where this stream left off, and what comes is
 * sent to all sockets of the namespace, encoded once.
 *
 * 1. The events of one task are sent in `seq` order, each once for as long as the stream remembers the task.
 * 2. A task that it hears of for the first time is read from its first event, so that its story is whole.
 * 3. It remembers the `MAX_TASKS` tasks that moved last. A stream lives while somebody listens; the next one remembers nothing.
 * 4. An admin that cannot keep up is cut off (see send-budget.ts); it comes back and hears of every task anew.
 */
import type { EventHints, EventReader } from '../contracts/services.ts';
import type { TaskEvent } from '../contracts/events.ts';
import type { Logger } from '../observability/logger.ts';

const MAX_TASKS = 10_000;
const PAGE_SIZE = 200;
const BATCH_SIZE = 50;
const RETRY_MS = 1_000;

export interface AdminStreamDeps {
  eventReader: EventReader;
  hints: EventHints;
  logger: Logger;
  send: (event: TaskEvent) => void;
}

export class AdminStream {
  readonly #deps: AdminStreamDeps;
  readonly #sentSeq = new Map<string, number>();
  readonly #due = new Set<string>();
  readonly #stopHints: () => void;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #reading = false;
  #closed = false;

  /** Begins with the next hint. */
  constructor(deps: AdminStreamDeps) {
    this.#deps = deps;
    this.#stopHints = deps.hints.onEvents((lastSeqByTask) => {
      this.#hinted(lastSeqByTask);
    });
  }

  close(): void {
    this.#closed = true;
    this.#stopHints();
    clearTimeout(this.#retryTimer);
    this.#due.clear();
  }

  #hinted(lastSeqByTask: ReadonlyMap<string, number>): void {
    const mayHaveMissed = lastSeqByTask.size === 0;
    const taskIds = mayHaveMissed ? this.#sentSeq.keys() : lastSeqByTask.keys();
    for (const taskId of [...taskIds]) {
      if (mayHaveMissed || (lastSeqByTask.get(taskId) ?? 0) > (this.#sentSeq.get(taskId) ?? 0)) this.#due.add(taskId);
    }
    forgetOldest(this.#due, MAX_TASKS);
    this.#read();
  }

  #read(): void {
    if (this.#reading || this.#due.size === 0) return;
    this.#reading = true;
    this.#readDue()
      .catch((error: unknown) => {
        if (this.#closed) return;
        this.#deps.logger.warn({ err: error }, 'events for admins could not be read; they are read again soon');
        this.#retryTimer = setTimeout(() => {
          this.#read();
        }, RETRY_MS);
      })
      .finally(() => {
        this.#reading = false;
      });
  }

  async #readDue(): Promise<void> {
    while (this.#due.size > 0) {
      const taskIds = [...this.#due].slice(0, BATCH_SIZE);
      const positions = taskIds.map((taskId) => ({ taskId, afterSeq: this.#sentSeq.get(taskId) ?? 0 }));
      for (const taskId of taskIds) this.#due.delete(taskId);
      const pages = await this.#readPages(positions);
      if (this.#closed) return;
      pages.forEach((page) => {
        this.#send(page);
      });
    }
  }

  async #readPages(positions: readonly { taskId: string; afterSeq: number }[]): Promise<TaskEvent[][]> {
    try {
      return await this.#deps.eventReader.readMany(positions, PAGE_SIZE);
    } catch (error) {
      for (const { taskId } of positions) this.#due.add(taskId);
      throw error;
    }
  }

  #send(page: readonly TaskEvent[]): void {
    const last = page.at(-1);
    if (last === undefined) return;
    for (const event of page) this.#deps.send(event);
    this.#sentSeq.delete(last.taskId);
    this.#sentSeq.set(last.taskId, last.seq);
    forgetOldest(this.#sentSeq, MAX_TASKS);
    if (page.length === PAGE_SIZE) this.#due.add(last.taskId);
  }
}

function forgetOldest(remembered: Map<string, unknown> | Set<string>, atMost: number): void {
  for (const oldest of remembered.keys()) {
    if (remembered.size <= atMost) return;
    remembered.delete(oldest);
  }
}
