import type { Logger } from '../observability/logger.ts';
import { storableText } from '../util/json.ts';
import type { AttemptId } from './attempt-store.ts';

/** Progress of one attempt is stored at most four times a second. */
const INTERVAL_MS = 250;

type Row = AttemptId & { percent: number; note: string | null };

/** Writes progress at once, then holds it back, so that no attempt is written twice in an interval; the last value is never lost. */
export class ProgressReporter {
  private readonly waiting = new Map<string, Row>();
  private readonly write: (rows: Row[]) => Promise<void>;
  private readonly logger: Logger;
  private timer: NodeJS.Timeout | undefined;
  private lastFlushAt = -Infinity;
  private writing: Promise<void> = Promise.resolve();

  constructor(write: (rows: Row[]) => Promise<void>, logger: Logger) {
    this.write = write;
    this.logger = logger;
  }

  report(id: AttemptId, percent: number, note: string | undefined): void {
    if (!Number.isFinite(percent)) return;
    this.waiting.set(`${id.subtaskId}:${id.epoch}`, {
      subtaskId: id.subtaskId,
      epoch: id.epoch,
      percent: Math.min(100, Math.max(0, percent)),
      note: note === undefined ? null : storableText(note, 500),
    });
    const restMs = this.lastFlushAt + INTERVAL_MS - performance.now();
    this.timer ??= setTimeout(() => this.flush(), Math.max(0, restMs));
  }

  /** What is held back of an attempt that has ended: it goes with the report. */
  take(id: AttemptId): { percent: number; note: string | null } | undefined {
    const key = `${id.subtaskId}:${id.epoch}`;
    const row = this.waiting.get(key);
    this.waiting.delete(key);
    return row;
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    this.flush();
    await this.writing;
  }

  private flush(): void {
    this.timer = undefined;
    this.lastFlushAt = performance.now();
    const rows = [...this.waiting.values()];
    this.waiting.clear();
    if (rows.length === 0) return;
    this.writing = this.writing
      .then(() => this.write(rows))
      .catch((error: unknown) => this.logger.debug({ err: error }, 'progress was not stored'));
  }
}
