import type { TaskSpec } from '../contracts/task.ts';
import type { Database } from '../db/database.ts';

export interface HandingAttempt {
  taskId: string;
  ownerId: string;
  pool: string;
  spec: TaskSpec;
  data: Record<string, unknown>;
  /** It still counts. */
  open: boolean;
}

export async function readHandingAttempt(
  db: Database,
  attempt: { subtaskId: string; epoch: number },
): Promise<HandingAttempt | undefined> {
  const row = await db
    .selectFrom('attempt')
    .innerJoin('task', 'task.id', 'attempt.task_id')
    .select([
      'task.id',
      'task.owner_id',
      'task.spec',
      'task.data',
      'attempt.pool',
      'attempt.closed_at',
      'attempt.outcome',
    ])
    .where('attempt.subtask_id', '=', attempt.subtaskId)
    .where('attempt.epoch', '=', attempt.epoch)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const open = row.closed_at === null && row.outcome === null;
  return { taskId: row.id, ownerId: row.owner_id, pool: row.pool, spec: row.spec, data: row.data, open };
}

/** The task that an owner's idempotency key stands for. */
export async function findTaskOfKey(db: Database, ownerId: string, key: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('idempotency')
    .select('task_id')
    .where('owner_id', '=', ownerId)
    .where('key', '=', key)
    .executeTakeFirst();
  return row?.task_id;
}
