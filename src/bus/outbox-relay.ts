import { crashPoint } from '../util/crash-point.ts';
import type { Database } from '../db/database.ts';
import type { JobQueues, QueuedJob } from './job-queues.ts';
import { removeJobs, takeJobs } from './outbox-store.ts';

const MAX_BATCH = 500;

/**
 * Carries outbox rows to the queues, and removes a row only after its job was added; if that fails in between, the job is
 * added again under the same id, which is adding it once.
 */
export class OutboxRelay {
  private readonly db: Database;
  private readonly queues: JobQueues;

  constructor(db: Database, queues: JobQueues) {
    this.db = db;
    this.queues = queues;
  }

  /** Carries jobs that the caller has just committed to the outbox, without looking for them there. */
  async carry(jobs: readonly QueuedJob[]): Promise<void> {
    await this.queues.add([...jobs]);
    crashPoint('after-add');
    await removeJobs(
      this.db,
      jobs.map((job) => job.jobId),
    );
  }

  /** Carries everything that is in the outbox. @throws if the transport does not answer; the rows stay */
  async run(): Promise<void> {
    while ((await this.relayBatch()) === MAX_BATCH);
  }

  private relayBatch(): Promise<number> {
    return this.db.transaction().execute(async (trx) => {
      const jobs = await takeJobs(trx, MAX_BATCH);
      if (jobs.length > 0) await this.queues.add(jobs);
      if (jobs.length > 0) crashPoint('after-add');
      return jobs.length;
    });
  }
}
