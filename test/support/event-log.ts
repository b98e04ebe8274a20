import type { TaskEvent } from '../../src/contracts/events.ts';
import type { EventHintListener, EventHints, EventReader } from '../../src/contracts/services.ts';

/** Events in memory with hints that are given when the test says so, and reads that can be held up or made to fail. */
export class EventLog implements EventReader, EventHints {
  readonly #events = new Map<string, TaskEvent[]>();
  readonly #listeners = new Set<EventHintListener>();
  #held: (() => void)[] | null = null;
  /** Calls of `readMany`. */
  reads = 0;
  failing = false;

  /** Commits `count` events; nobody is told. */
  append(taskId: string, count = 1, data: Record<string, unknown> = {}): void {
    const events = this.#events.get(taskId) ?? [];
    this.#events.set(taskId, events);
    for (let i = 0; i < count; i++) events.push(eventOf(taskId, events.length + 1, data));
  }

  lastSeq(taskId: string): number {
    return this.#events.get(taskId)?.length ?? 0;
  }

  /** Commits `count` events, and tells them with their hint. */
  commitHere(taskId: string, count = 1): void {
    this.append(taskId, count);
    this.#tell(new Map([[taskId, this.lastSeq(taskId)]]), () => this.#events.get(taskId)?.slice(-count) ?? []);
  }

  hint(...taskIds: string[]): void {
    this.#tell(new Map(taskIds.map((taskId) => [taskId, this.lastSeq(taskId)])));
  }

  hintsWereLost(): void {
    this.#tell(new Map());
  }

  onEvents(listener: EventHintListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Reads begun from now on see what is there now, and answer at `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const answer of held) answer();
  }

  async readMany(
    positions: readonly { taskId: string; afterSeq: number }[],
    limitPerTask: number,
  ): Promise<TaskEvent[][]> {
    this.reads += 1;
    if (this.failing) throw new Error('the store is away');
    const pages = positions.map(({ taskId, afterSeq }) =>
      (this.#events.get(taskId) ?? []).slice(afterSeq, afterSeq + limitPerTask),
    );
    const held = this.#held;
    if (held !== null) await new Promise<void>((resolve) => held.push(resolve));
    return pages;
  }

  #tell(...hint: Parameters<EventHintListener>): void {
    for (const listener of this.#listeners) listener(...hint);
  }
}

function eventOf(taskId: string, seq: number, data: Record<string, unknown>): TaskEvent {
  return { seq, taskId, type: 'subtask.progress', at: '2026-11-21T10:00:00.000Z', data };
}
