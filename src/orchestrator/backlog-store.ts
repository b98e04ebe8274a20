import type { Backlog } from '../contracts/services.ts';
import { isFinal, TASK_STATUSES } from '../contracts/task.ts';
import type { Database } from '../db/database.ts';

const OPEN = TASK_STATUSES.filter((status) => !isFinal(status));

/**
 * What is accepted and not ended, by owner, and what waits on the board; `poolWaitMs` is how long this very question had to
 * wait for a connection. Linear in the open tasks, whose rows `task_by_status` finds: whoever asks again and again should
 * rest ten times as long as an answer took.
 */
export async function readBacklog(db: Database): Promise<Backlog> {
  const askedAtMs = performance.now();
  return db.connection().execute(async (connection) => {
    const poolWaitMs = performance.now() - askedAtMs;
    const owners = await connection
      .selectFrom('task')
      .select((eb) => ['owner_id', eb.fn.countAll<number>().as('tasks')])
      .where('status', 'in', OPEN)
      .groupBy('owner_id')
      .execute();
    const { waiting } = await connection
      .selectFrom('opening')
      .select((eb) => eb.fn.countAll<number>().as('waiting'))
      .executeTakeFirstOrThrow();
    return { openTasksByOwner: new Map(owners.map((row) => [row.owner_id, row.tasks])), waiting, poolWaitMs };
  });
}
