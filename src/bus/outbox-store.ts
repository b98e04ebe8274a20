import { sql } from 'kysely';
import type { Database, Trx } from '../db/database.ts';
import type { QueuedJob } from './job-queues.ts';

/** Takes jobs out of the outbox, oldest first; rows that another relay holds are left to it. */
export async function takeJobs(trx: Trx, limit: number): Promise<QueuedJob[]> {
  const { rows } = await sql<QueuedJob>`
    delete from outbox where id in (select id from outbox order by id limit ${limit} for update skip locked)
    returning queue, job_id as "jobId", data`.execute(trx);
  return rows;
}

/** Removes jobs that were added to their queues. Waits for no disk: a removal that a crash undoes is a job added again. */
export async function removeJobs(db: Database, jobIds: readonly string[]): Promise<void> {
  await sql`
    with relaxed as materialized (select set_config('synchronous_commit', 'off', true))
    delete from outbox using relaxed where job_id = any(${jobIds}::text[])`.execute(db);
}
