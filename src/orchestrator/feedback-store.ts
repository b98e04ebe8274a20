import { sql } from 'kysely';
import type { Trx } from '../db/database.ts';

/** Stores at most one feedback per subtask, within 30 days of the task's end. Returns how many were stored. */
export async function insertFeedback(
  trx: Trx,
  feedback: { taskId: string; ownerId: string; subtaskIds: readonly string[]; quality: number; comment: string | null },
): Promise<number> {
  // the column is a `real`, which refuses 1e-300 instead of rounding it to 0
  const quality = Math.fround(feedback.quality);
  const { rows } = await sql<{ id: string }>`
    insert into feedback (subtask_id, task_id, owner_id, quality, comment)
    select s.id, s.task_id, ${feedback.ownerId}, ${quality}, ${feedback.comment}
    from subtask s join task t on t.id = s.task_id
    where s.task_id = ${feedback.taskId} and s.id = any(${feedback.subtaskIds}::text[]) and s.status = 'accepted'
      and coalesce(t.finished_at, clock_timestamp()) > clock_timestamp() - interval '30 days'
    on conflict (subtask_id) do nothing returning subtask_id as id`.execute(trx);
  return rows.length;
}
