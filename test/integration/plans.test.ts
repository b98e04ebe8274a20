import { sql } from 'kysely';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { claimAttempts, prolongLeases, reportAttempts, type AttemptId } from '../../src/agents/attempt-store.ts';
import { openDatabase, type Database } from '../../src/db/database.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { TaskStore } from '../../src/orchestrator/index.ts';
import { readBacklog } from '../../src/orchestrator/backlog-store.ts';
import { readUnread } from '../../src/orchestrator/attempt-store.ts';
import { createLedgerStore } from '../../src/reputation/index.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const ROWS = 3_000;
const REPLICA = 'pool-1';
/** More often than a statement must be repeated to be prepared, and prepared to get a plan that it keeps. */
const REPEATS = 15;

let database: TestDatabase;
/** One connection each, so that each statement meets the plan that was made for it before. */
let db: Database;
let pool: Database;
let api: Database;
let tasks: TaskStore;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  const logger = createLogger('error');
  const of = { url: database.url, maxConnections: 1, applicationName: 'test', logger };
  db = openDatabase({ ...of, role: 'orchestrator' });
  api = openDatabase({ ...of, role: 'api for all owners' });
  pool = openDatabase({ ...of, role: { pool: 'pool' } });
  const ledger = createLedgerStore();
  tasks = new TaskStore({
    db,
    ledger,
    metrics: createMetrics(),
    dispatchMs: 1_000,
    synthesisMs: 1_000,
    onCommit: () => undefined,
  });
});

afterAll(async () => {
  await db.destroy();
  await pool.destroy();
  await api.destroy();
  await database.drop();
});

async function work(taskId: string, id: AttemptId): Promise<void> {
  const report = { outcome: 'delivered' as const, value: {}, error: null, madeBy: null, percent: null, note: null };
  const usage = { inputTokens: 0, outputTokens: 0, costUsd: 0 };
  await claimAttempts(pool, [id], { id: REPLICA, pool: 'pool' }, 10_000);
  await prolongLeases(pool, [id], 10_000);
  await reportAttempts(pool, [{ ...id, ...report, usage }], REPLICA);
  await readUnread(db, 100, 'plain');
  await readBacklog(api);
  await tasks.transact([taskId], () => ({
    commands: [{ taskId, command: { kind: 'announce', ord: -1 } }],
    seen: [{ ...id, changes: 2 }],
  }));
}

/** Rows of the tables that these connections have looked at, by whatever way. */
async function rowsRead(): Promise<number> {
  for (const one of [db, pool, api]) {
    await sql`select pg_stat_force_next_flush()`.execute(one);
    await sql`select pg_stat_clear_snapshot()`.execute(one);
  }
  const { rows } = await sql<{ read: number }>`
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as read
    from pg_stat_user_tables where relname in ('task', 'subtask', 'attempt', 'opening')`.execute(db);
  return rows[0]?.read ?? NaN;
}

async function fill(): Promise<{ taskId: string; id: AttemptId }> {
  await sql`
    with t as (
      insert into task (id, owner_id, type, status, spec, data)
      select gen_random_uuid(), 'owner', 't', 'completed', '{"rules": []}', '{}' from generate_series(1, ${ROWS}) returning id
    ), s as (
      insert into subtask (id, task_id, ord, skills, status)
      select id || '-0', id, 0, '{a}', 'running' from t returning id, task_id
    )
    insert into attempt (subtask_id, epoch, task_id, agent_id, pool, attempt, timeout_ms, due_at, replica_id, claimed_at,
      changes, seen, closed_at)
    select id, 1, task_id, 'agent', 'pool', 1, 1000, clock_timestamp(), ${REPLICA}, clock_timestamp(), 2, 2, clock_timestamp()
    from s`.execute(database.db);
  const { rows } = await sql<{ taskId: string; subtaskId: string }>`
    select task_id as "taskId", subtask_id as "subtaskId" from attempt order by subtask_id desc limit 1`.execute(
    database.db,
  );
  const [one] = rows;
  if (one === undefined) throw new Error('nothing was filled in');
  await sql`update attempt set claimed_at = null, replica_id = null, closed_at = null where subtask_id = ${one.subtaskId}`.execute(
    database.db,
  );
  return { taskId: one.taskId, id: { subtaskId: one.subtaskId, epoch: 1 } };
}

test('what is prepared while the tables are empty reads only the rows it needs when they have grown', async () => {
  for (let i = 0; i < REPEATS; i++) await work(uuidv7(), { subtaskId: 'none', epoch: 1 });
  const { taskId, id } = await fill();

  const before = await rowsRead();
  await work(taskId, id);

  expect((await rowsRead()) - before).toBeLessThan(100);
});
