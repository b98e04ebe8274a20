import type { Logger } from '../observability/logger.ts';
import { storableText } from '../util/json.ts';
import type { AttemptId } from './attempt-store.ts';

/** Progress of one attempt is stored at most four times a second. */
const INTERVAL_MS = 250;
/** What is reported within this time goes in one statement. */
const GATHER_MS = 5;

type Row = AttemptId & { percent: number; note: string | null };

/**
 * Writes the first value of each attempt at once and holds the later ones back, so that no attempt is written twice in an
 * interval, whatever the others do. The last value is never lost.
 */
export class ProgressReporter {
  private readonly waiting = new Map<string, { row: Row; dueAtMs: number }>();
  /** Of the attempts that were written within the last interval. */
  private readonly writtenAtMs = new Map<string, number>();
  private readonly write: (rows: Row[]) => Promise<void>;
  private readonly logger: Logger;
  private timer: NodeJS.Timeout | undefined;
  private timerAtMs = Infinity;
  private writing: Promise<void> | undefined;
  private closed = false;

  constructor(write: (rows: Row[]) => Promise<void>, logger: Logger) {
    this.write = write;
    this.logger = logger;
  }

  report(id: AttemptId, percent: number, note: string | undefined): void {
    if (!Number.isFinite(percent)) return;
    const key = keyOf(id);
    const row = {
      subtaskId: id.subtaskId,
      epoch: id.epoch,
      percent: Math.min(100, Math.max(0, percent)),
      note: note === undefined ? null : storableText(note, 500),
    };
    const dueAtMs = this.waiting.get(key)?.dueAtMs ?? this.dueAtMs(key);
    this.waiting.set(key, { row, dueAtMs });
    this.wakeAt(dueAtMs);
  }

  /** What is held back of an attempt that has ended: it goes with the report. */
  take(id: AttemptId): { percent: number; note: string | null } | undefined {
    const key = keyOf(id);
    const held = this.waiting.get(key);
    this.waiting.delete(key);
    return held?.row;
  }

  /** Resolves when everything held back has been written; what is reported from then on is dropped. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.writing;
    this.flush(Infinity);
    await this.writing;
  }

  private dueAtMs(key: string): number {
    const soonMs = performance.now() + GATHER_MS;
    return Math.max(soonMs, (this.writtenAtMs.get(key) ?? -Infinity) + INTERVAL_MS);
  }

  /** One statement at a time: what comes due meanwhile goes with the next. */
  private wakeAt(atMs: number): void {
    if (this.closed || this.writing !== undefined || atMs >= this.timerAtMs) return;
    clearTimeout(this.timer);
    this.timerAtMs = atMs;
    this.timer = setTimeout(() => this.flush(performance.now()), Math.max(0, atMs - performance.now()));
  }

  private flush(untilMs: number): void {
    this.timerAtMs = Infinity;
    this.forgetOld();
    const due = [...this.waiting].filter(([, { dueAtMs }]) => dueAtMs <= untilMs);
    for (const [key] of due) {
      this.waiting.delete(key);
      this.writtenAtMs.set(key, performance.now());
    }
    if (due.length === 0) {
      this.wakeForNext();
      return;
    }
    this.writing = this.write(due.map(([, { row }]) => row))
      .catch((error: unknown) => this.logger.debug({ err: error }, 'progress was not stored'))
      .finally(() => {
        this.writing = undefined;
        this.wakeForNext();
      });
  }

  private wakeForNext(): void {
    let firstAtMs = Infinity;
    for (const { dueAtMs } of this.waiting.values()) firstAtMs = Math.min(firstAtMs, dueAtMs);
    this.wakeAt(firstAtMs);
  }

  private forgetOld(): void {
    const oldMs = performance.now() - INTERVAL_MS;
    for (const [key, atMs] of this.writtenAtMs) if (atMs <= oldMs) this.writtenAtMs.delete(key);
  }
}

const keyOf = (id: AttemptId): string => `${id.subtaskId}:${id.epoch}`;
