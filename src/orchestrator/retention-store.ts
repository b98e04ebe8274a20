import { sql } from 'kysely';
import type { Database } from '../db/database.ts';

/** Tasks in one transaction: few enough that nobody waits for their locks, or for their rows to be gone. */
const BATCH = 50;

/**
 * Deletes tasks that ended more than `days` ago, at most 50, with their events, rounds, attempts, messages and idempotency
 * keys. The ledger and the roll-ups stay: a task that is not rolled up yet is left for later. Returns whether there may be
 * more. Any number of processes may call it at once; each takes other tasks.
 */
export async function deleteOldTasks(db: Database, days: number): Promise<boolean> {
  const { rows } = await sql<{ id: string }>`
    with old as materialized (
      select id from task
      where finished_at < least(clock_timestamp() - ${days} * interval '1 day',
        (select until from task_rollup_progress where grain = 'minute'))
      order by finished_at limit ${BATCH} for update skip locked
    ), keys as (delete from idempotency using old where idempotency.task_id = old.id)
    delete from task using old where task.id = old.id returning task.id`.execute(db);
  return rows.length === BATCH;
}
