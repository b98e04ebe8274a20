import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { reportAttempts, type AttemptReport } from '../../src/agents/attempt-store.ts';
import type { Database, Trx } from '../../src/db/database.ts';
import { requeueAttempts } from '../../src/orchestrator/attempt-store.ts';
import { loadTasks } from '../../src/orchestrator/task-rows-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const TASK = '0190f000-0000-7000-8000-000000000001';
const LATER_TASK = '0190f000-0000-7000-8000-000000000002';
const REPLICA = 'replica-1';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = database.db;
});

afterAll(() => database.drop());

beforeEach(async () => {
  await sql`delete from task`.execute(db);
  for (const id of [TASK, LATER_TASK]) {
    await sql`insert into task (id, owner_id, type, status, spec, data)
      values (${id}, 'owner', 't', 'running', '{"rules":[]}', '{}')`.execute(db);
  }
});

async function addAttempt(
  ord: number,
  more: { closed?: boolean; claimed?: boolean; taskId?: string } = {},
  trx: Database = db,
): Promise<string> {
  const { taskId = TASK } = more;
  const id = `${taskId}-${ord}`;
  await sql`insert into subtask (id, task_id, ord, skills, status, epoch)
    values (${id}, ${taskId}, ${ord}, '{a}', 'awarded', 1)`.execute(trx);
  await sql`insert into attempt (subtask_id, epoch, task_id, agent_id, pool, attempt, timeout_ms, due_at, claimed_at, closed_at,
      replica_id, changes)
    values (${id}, 1, ${taskId}, 'agent', 'pool', 1, 1000, clock_timestamp(),
      case when ${more.claimed ?? false} then clock_timestamp() end,
      case when ${more.closed ?? false} then clock_timestamp() end, ${REPLICA}, 1)`.execute(trx);
  return id;
}

const lock = (trx: Trx, subtaskId: string) =>
  sql`select 1 from attempt where subtask_id = ${subtaskId} for update`.execute(trx);

/** Resolves when so many wait for a lock in this database. */
async function waiting(count: number): Promise<void> {
  for (;;) {
    const { rows } = await sql`
      select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
    if (rows.length >= count) return;
  }
}

const report = (subtaskId: string): AttemptReport => ({
  subtaskId,
  epoch: 1,
  outcome: 'delivered',
  value: {},
  error: null,
  madeBy: null,
  usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
  percent: null,
  note: null,
});

test('a settlement that reads a closed attempt and a pool that reports on it take their locks in one order', async () => {
  const closed = await addAttempt(0, { closed: true, claimed: true });
  const open = await addAttempt(1, { claimed: true });
  let settlement: Promise<void> | undefined;
  await db.transaction().execute(async (pool) => {
    await lock(pool, closed);
    settlement = db.transaction().execute(async (trx) => {
      await loadTasks(trx, [TASK], []);
      await sql`update attempt set seen = changes where subtask_id = ${closed}`.execute(trx);
    });
    settlement.catch(() => undefined);
    await waiting(1);
    await lock(pool, open);
  });
  await settlement;
  await reportAttempts(db, [report(closed), report(open)], REPLICA);
});

test('awards that are dispatched again do not wait for a pool that is claiming some of them', async () => {
  const first = await addAttempt(0);
  const second = await addAttempt(1);
  const again = (subtaskId: string) => ({ subtaskId, epoch: 1, queue: 'work.pool', jobId: `sub_${subtaskId}_1` });
  await db.transaction().execute(async (pool) => {
    await lock(pool, first);
    await requeueAttempts(db, [again(second), again(first)], 1_000);
    await lock(pool, second);
  });
  const { rows } = await sql<{ id: string; requeues: number }>`
    select subtask_id as id, requeues from attempt order by subtask_id`.execute(db);
  expect(rows).toEqual([
    { id: first, requeues: 0 },
    { id: second, requeues: 1 },
  ]);
});

test('an attempt that is made while its task is waited for is locked in its turn, before those of later tasks', async () => {
  const late = await addAttempt(0, { claimed: true, taskId: LATER_TASK });
  const early = `${TASK}-0`;
  const award = Promise.withResolvers<undefined>();
  const awarding = db.transaction().execute(async (trx) => {
    await sql`select from task where id = ${TASK} for update`.execute(trx);
    await award.promise;
    await addAttempt(0, { claimed: true }, trx);
    await sql`update task set version = version + 1 where id = ${TASK}`.execute(trx);
  });
  const beat = Promise.withResolvers<undefined>();
  const beating = db.transaction().execute(async (pool) => {
    await lock(pool, late);
    await beat.promise;
  });
  const settling = db.transaction().execute((trx) => loadTasks(trx, [TASK, LATER_TASK], []));
  await waiting(1);
  award.resolve(undefined);
  await awarding;
  const reporting = reportAttempts(db, [report(early), report(late)], REPLICA);
  await waiting(2);
  beat.resolve(undefined);
  const [{ tasks }] = await Promise.all([settling, beating, reporting]);
  expect([...tasks.values()].map(({ attempts }) => attempts.size)).toEqual([1, 1]);
});
