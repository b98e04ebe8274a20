import type { Logger } from '../observability/logger.ts';
import type { AttemptId } from './attempt-store.ts';

/** Progress of one attempt is stored at most four times a second. */
const INTERVAL_MS = 250;

type Row = AttemptId & { percent: number; note: string | null };

/** Holds progress back so that each attempt is written at most once per interval, always with its latest value. */
export class ProgressReporter {
  private readonly waiting = new Map<string, Row>();
  private readonly write: (rows: Row[]) => Promise<void>;
  private readonly logger: Logger;
  private timer: NodeJS.Timeout | undefined;
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
      note: note === undefined ? null : note.slice(0, 500).replaceAll('\u0000', '\ufffd').toWellFormed(),
    });
    this.timer ??= setTimeout(() => this.flush(), INTERVAL_MS);
  }

  /** The attempt has ended: its progress is of no use any more. */
  forget(id: AttemptId): void {
    this.waiting.delete(`${id.subtaskId}:${id.epoch}`);
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    this.flush();
    await this.writing;
  }

  private flush(): void {
    this.timer = undefined;
    const rows = [...this.waiting.values()];
    this.waiting.clear();
    if (rows.length === 0) return;
    this.writing = this.writing
      .then(() => this.write(rows))
      .catch((error: unknown) => this.logger.debug({ err: error }, 'progress was not stored'));
  }
}
