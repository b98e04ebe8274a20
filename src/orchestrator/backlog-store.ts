import { sql } from 'kysely';
import type { Backlog } from '../contracts/services.ts';
import type { Database } from '../db/database.ts';

/**
 * What is accepted and not ended, by owner, and what waits on the board; `poolWaitMs` is how long this very question had to
 * wait for a connection. Linear in the open tasks: whoever asks again and again should rest ten times as long as an answer
 * took.
 */
export async function readBacklog(db: Database): Promise<Backlog> {
  const askedAtMs = performance.now();
  return db.connection().execute(async (connection) => {
    const poolWaitMs = performance.now() - askedAtMs;
    // in the words of the index task_open
    const owners = await sql<{ owner: string; tasks: number }>`
      select owner_id as owner, count(*) as tasks from task
      where status not in ('completed', 'failed', 'cancelled', 'expired') group by owner_id`.execute(connection);
    const { waiting } = await connection
      .selectFrom('opening')
      .select((eb) => eb.fn.countAll<number>().as('waiting'))
      .executeTakeFirstOrThrow();
    return { openTasksByOwner: new Map(owners.rows.map((row) => [row.owner, row.tasks])), waiting, poolWaitMs };
  });
}
