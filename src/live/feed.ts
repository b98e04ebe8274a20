/**
 * The live feed: brings every event of a watched task to every reader exactly once and in `seq` order, from the position
 * that the reader names, for as long as it watches. The store holds the events; a hint only says that there are more.
 *
 * A reader passes through three phases:
 *   backfill  it has a cursor of its own and is given page after page from the store;
 *   cut-over  a page was the last one and no hint came since its read began: the reader joins its task's live cursor;
 *   live      a hint makes the task's live cursor read once for all its readers.
 * A reader that can take no more (`deliver` says false) leaves its cursor, costs nothing but its position, and begins again with
 * the backfill when it calls `resume`.
 *
 * Invariants
 * 1. A reader is given seq n + 1 after seq n and nothing else: what is older is skipped, and a gap ends the page.
 * 2. A task is known here before the first read for it begins, so no hint about it is missed. Each hint raises the task's wave.
 * 3. A cursor rests only if its last page was short and the wave is the one at which that read began. Hence an event that
 *    was committed before its hint came is read at the latest by the next read.
 * 4. One batch of reads is under way at a time, and a cursor is in it at most once: a cursor's pages cannot overtake each other.
 *    What is hinted meanwhile waits in the queue and is read by the next batch, many tasks in one query.
 * 5. Hints may be lost, and reads may fail. The net (a tick each `netMs`) reads failed cursors again, and every watched task,
 *    at intervals that double from one tick to sixteen while nothing comes.
 * 6. Nothing is queued for a reader here. Memory grows with the number of watches, not with the number of events.
 */
import type { TaskEvent } from '../contracts/events.ts';
import type { EventHints, EventReader } from '../contracts/services.ts';
import type { Logger } from '../observability/logger.ts';
import { placeOf } from './feed-order.ts';

const PAGE_SIZE = 200;
const BATCH_SIZE = 100;
const NET_MS = 2_000;
const MAX_TICKS_BETWEEN_CHECKS = 16;

export interface FeedDeps {
  eventReader: EventReader;
  hints: EventHints;
  logger: Logger;
  /** Period of the net; default 2 000. */
  netMs?: number | undefined;
}

export interface Watch {
  /** Goes on after `deliver` said false; does nothing while the reader is not held up. */
  resume(): void;
  stop(): void;
}

/** Takes one event. False: it was taken, but no more until `resume`. Must not throw. */
export type Deliver = (event: TaskEvent) => boolean;

interface Reader {
  sentSeq: number;
  deliver: Deliver;
  /** Null while held up, or stopped. */
  cursor: Cursor | null;
  stopped: boolean;
}

/** A position to read from, shared by its readers. */
interface Cursor {
  task: WatchedTask;
  readers: Set<Reader>;
}

interface WatchedTask {
  id: string;
  live: Cursor;
  /** All readers, whatever their phase. */
  readerCount: number;
  wave: number;
  quietChecks: number;
  ticksToCheck: number;
}

export class Feed {
  readonly #eventReader: EventReader;
  readonly #logger: Logger;
  readonly #tasks = new Map<string, WatchedTask>();
  readonly #queue = new Set<Cursor>();
  readonly #failed = new Set<Cursor>();
  readonly #stopHints: () => void;
  readonly #net: ReturnType<typeof setInterval>;
  #reading = false;
  #closed = false;

  constructor(deps: FeedDeps) {
    this.#eventReader = deps.eventReader;
    this.#logger = deps.logger;
    this.#stopHints = deps.hints.onEvents((lastSeqByTask) => {
      this.#hinted(lastSeqByTask);
    });
    this.#net = setInterval(() => {
      this.#tick();
    }, deps.netMs ?? NET_MS);
  }

  /** Gives `deliver` every event of the task with a seq over `afterSeq`, never before this call has returned. */
  watch(taskId: string, afterSeq: number, deliver: Deliver): Watch {
    const task = this.#tasks.get(taskId) ?? newTask(taskId);
    this.#tasks.set(taskId, task);
    task.readerCount += 1;
    const reader: Reader = { sentSeq: afterSeq, deliver, cursor: null, stopped: false };
    this.#backfill(task, reader);
    return {
      resume: () => {
        if (reader.cursor === null && !reader.stopped) this.#backfill(task, reader);
      },
      stop: () => {
        this.#stop(task, reader);
      },
    };
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#net);
    this.#stopHints();
    this.#queue.clear();
    this.#failed.clear();
    this.#tasks.clear();
  }

  #backfill(task: WatchedTask, reader: Reader): void {
    const cursor: Cursor = { task, readers: new Set([reader]) };
    reader.cursor = cursor;
    this.#enqueue(cursor);
  }

  #stop(task: WatchedTask, reader: Reader): void {
    if (reader.stopped) return;
    reader.stopped = true;
    leaveCursor(reader);
    task.readerCount -= 1;
    if (task.readerCount === 0 && this.#tasks.get(task.id) === task) this.#tasks.delete(task.id);
  }

  /** An empty map says that hints may have been lost. */
  #hinted(lastSeqByTask: ReadonlyMap<string, number>): void {
    if (lastSeqByTask.size === 0) for (const task of this.#tasks.values()) this.#look(task);
    for (const taskId of lastSeqByTask.keys()) {
      const task = this.#tasks.get(taskId);
      if (task !== undefined) this.#look(task);
    }
  }

  #look(task: WatchedTask): void {
    task.wave += 1;
    task.quietChecks = 0;
    task.ticksToCheck = 1;
    this.#enqueue(task.live);
  }

  #tick(): void {
    for (const cursor of this.#failed) this.#enqueue(cursor);
    this.#failed.clear();
    for (const task of this.#tasks.values()) {
      task.ticksToCheck -= 1;
      if (task.ticksToCheck > 0) continue;
      task.quietChecks += 1;
      task.ticksToCheck = Math.min(2 ** task.quietChecks, MAX_TICKS_BETWEEN_CHECKS);
      this.#enqueue(task.live);
    }
  }

  #enqueue(cursor: Cursor): void {
    if (cursor.readers.size === 0 || this.#closed) return;
    this.#queue.add(cursor);
    if (this.#reading) return;
    this.#reading = true;
    // one turn later, so that all hints of a wave are in the batch
    queueMicrotask(() => void this.#readQueue());
  }

  async #readQueue(): Promise<void> {
    while (this.#queue.size > 0) await this.#readBatch();
    this.#reading = false;
  }

  async #readBatch(): Promise<void> {
    const batch = takeFirst(this.#queue, BATCH_SIZE).filter((cursor) => cursor.readers.size > 0);
    const waves = batch.map((cursor) => cursor.task.wave);
    const pages = await this.#readPages(batch);
    if (pages === null || this.#closed) return;
    batch.forEach((cursor, index) => {
      this.#take(cursor, pages[index] ?? [], waves[index] ?? 0);
    });
  }

  async #readPages(batch: readonly Cursor[]): Promise<TaskEvent[][] | null> {
    const positions = batch.map((cursor) => ({ taskId: cursor.task.id, afterSeq: positionOf(cursor) }));
    try {
      return await this.#eventReader.readMany(positions, PAGE_SIZE);
    } catch (error) {
      this.#logger.warn({ err: error, tasks: batch.length }, 'events could not be read; they are read again soon');
      for (const cursor of batch) this.#failed.add(cursor);
      return null;
    }
  }

  #take(cursor: Cursor, page: readonly TaskEvent[], wave: number): void {
    const { task } = cursor;
    let progressed = false;
    for (const reader of [...cursor.readers]) progressed = give(reader, page) || progressed;
    if (progressed) task.quietChecks = 0;
    const more = page.length === PAGE_SIZE && progressed;
    if (more || task.wave !== wave) this.#enqueue(cursor);
    else if (cursor !== task.live) cutOver(cursor);
  }
}

function newTask(id: string): WatchedTask {
  const task = { id, readerCount: 0, wave: 0, quietChecks: 0, ticksToCheck: 1 };
  const live: Cursor = { task: task as WatchedTask, readers: new Set() };
  return Object.assign(task, { live });
}

function leaveCursor(reader: Reader): void {
  reader.cursor?.readers.delete(reader);
  reader.cursor = null;
}

function cutOver(cursor: Cursor): void {
  const { live } = cursor.task;
  for (const reader of cursor.readers) {
    live.readers.add(reader);
    reader.cursor = live;
  }
  cursor.readers.clear();
}

function positionOf(cursor: Cursor): number {
  let lowest = Infinity;
  for (const reader of cursor.readers) lowest = Math.min(lowest, reader.sentSeq);
  return lowest;
}

/** Invariant 1. True if the reader got anything. */
function give(reader: Reader, page: readonly TaskEvent[]): boolean {
  const before = reader.sentSeq;
  for (const event of page) {
    const place = placeOf(event.seq, reader.sentSeq);
    if (place === 'old') continue;
    if (place === 'gap' || reader.cursor === null) break;
    reader.sentSeq = event.seq;
    if (!reader.deliver(event)) leaveCursor(reader);
  }
  return reader.sentSeq > before;
}

function takeFirst<Value>(set: Set<Value>, count: number): Value[] {
  const taken: Value[] = [];
  for (const value of set) {
    if (taken.length === count) break;
    taken.push(value);
    set.delete(value);
  }
  return taken;
}
