import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { Database } from '../../src/db/database.ts';
import { OwnedDatabase } from '../../src/db/owned-database.ts';
import { createReputationQueries, rollUpTasks } from '../../src/reputation/index.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const HOUR_MS = 3_600_000;
const LEASE_MS = 10_000;

let database: TestDatabase;
let db: Database;
let queries: ReturnType<typeof createReputationQueries>;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = database.db;
  queries = createReputationQueries({ db, owned: new OwnedDatabase(db, db), leaseMs: LEASE_MS });
});

afterAll(() => database.drop());

beforeEach(async () => {
  for (const table of ['agent', 'replica', 'task', 'task_rollup'] as const) await db.deleteFrom(table).execute();
  await db
    .updateTable('task_rollup_progress')
    .set({ until: new Date(0) })
    .execute();
});

function ago(ms: number): Date {
  return new Date(Date.now() - ms);
}

interface AgentFacts {
  reputation?: number;
  capacity?: number;
  pool?: string;
  status?: 'retired';
}

async function addAgent(id: string, facts: AgentFacts = {}) {
  await db
    .insertInto('agent')
    .values({ id, name: id, skills: ['seo'], domains: [], capacity: 4, pool: null, ...facts })
    .execute();
}

async function addEndedTask(
  known: { status?: 'completed' | 'failed' | 'cancelled'; agoMs?: number; members?: number } = {},
) {
  const { status = 'completed', agoMs = 1_000, members = 1 } = known;
  const team = Array.from({ length: members }, (_, i) => ({
    agentId: `a${String(i)}`,
    skills: [],
    score: 1,
    subtaskIds: [],
  }));
  const finishedAt = ago(agoMs);
  const times = { created_at: new Date(finishedAt.getTime() - 500), finished_at: finishedAt };
  const result = status === 'completed' ? JSON.stringify({ quality: 80 + members }) : null;
  const plain = { id: uuidv7(), owner_id: 'alice', type: 'report', spec: '{}', data: '{}', warnings: '[]' };
  const row = { ...plain, status, team: JSON.stringify(team), result, subtask_count: members, deadline: null };
  await db
    .insertInto('task')
    .values({ ...row, synthesis_due_at: null, started_at: null, ...times })
    .execute();
}

/** A running task with an opening, and a subtask with one attempt for each of `attempts`. */
async function addRunningTask(attempts: { agentId: string; closedAt?: Date }[]) {
  const taskId = uuidv7();
  const plain = { id: taskId, owner_id: 'alice', type: 'report', status: 'running' as const };
  const json = { spec: '{}', data: '{}', team: '[]', warnings: '[]' };
  const never = { deadline: null, started_at: null, finished_at: null };
  await db
    .insertInto('task')
    .values({ ...plain, ...json, ...never, synthesis_due_at: null })
    .execute();
  const opening = {
    task_id: taskId,
    ord: -1,
    need: '|seo',
    skills: ['seo'],
    domain: null,
    priority: 1,
    deadline: null,
  };
  await db
    .insertInto('opening')
    .values({ ...opening, incapable_since: null })
    .execute();
  for (const [ord, { agentId, closedAt }] of attempts.entries()) {
    const id = `${taskId}-${String(ord)}`;
    await sql`insert into subtask (id, task_id, ord, skills, status) values (${id}, ${taskId}, ${ord}, '{seo}', 'running')`.execute(
      db,
    );
    await sql`insert into attempt (subtask_id, epoch, task_id, agent_id, pool, attempt, timeout_ms, due_at, closed_at)
      values (${id}, 1, ${taskId}, ${agentId}, 'two', 1, 1000, now(), ${closedAt ?? null})`.execute(db);
  }
}

test('stats are of the tasks that ended within the window; cancelled ones are nobody’s failure', async () => {
  await addEndedTask({ members: 1 });
  await addEndedTask({ members: 3 });
  await addEndedTask({ members: 2, status: 'failed' });
  await addEndedTask({ members: 2, status: 'cancelled' });
  await addEndedTask({ agoMs: 2 * HOUR_MS });
  expect(await queries.stats(HOUR_MS)).toMatchObject({
    windowMs: HOUR_MS,
    tasksPerSecond: 0.001,
    avgTaskDurationMs: 500,
    successRate: 0.6667,
    avgQuality: 82,
    avgTeamSize: 2,
    parallelExecutionRate: 0.75,
    tasksByStatus: { completed: 2, failed: 1, cancelled: 1, expired: 0, running: 0 },
  });
});

test('stats of an idle market have no rates, and no load', async () => {
  expect(await queries.stats(HOUR_MS)).toMatchObject({
    tasksPerSecond: 0,
    avgTaskDurationMs: null,
    successRate: null,
    avgQuality: null,
    avgAgentLoadPercent: 0,
    peakAgentLoadPercent: 0,
    avgTeamSize: null,
    parallelExecutionRate: null,
    avgReputation: null,
    reputationStdDev: null,
    queueDepth: 0,
  });
});

test('load is open attempts of capacity × live replicas, at least one; closed attempts and old heartbeats do not count', async () => {
  await addAgent('ann', { pool: 'two', reputation: 110 });
  await addAgent('bob', { pool: 'none', capacity: 2, reputation: 90 });
  await addAgent('old', { status: 'retired' });
  for (const [id, heartbeatAgoMs] of [
    ['r1', 0],
    ['r2', 0],
    ['r3', 2 * LEASE_MS],
  ] as const) {
    await db
      .insertInto('replica')
      .values({ id, pool: 'two', heartbeat_at: ago(heartbeatAgoMs), reason: null })
      .execute();
  }
  await addRunningTask([
    { agentId: 'ann' },
    { agentId: 'ann' },
    { agentId: 'bob' },
    { agentId: 'bob', closedAt: ago(1_000) },
  ]);
  expect(await queries.stats(HOUR_MS)).toMatchObject({
    avgAgentLoadPercent: 37.5,
    peakAgentLoadPercent: 50,
    avgReputation: 100,
    reputationStdDev: 10,
    queueDepth: 1,
    tasksByStatus: { running: 1 },
  });
});

test('the figures of any window are the same before and after the roll-up, and outlive the tasks', async () => {
  const statuses = ['completed', 'failed', 'cancelled'] as const;
  for (let i = 0; i < 60; i++) {
    await addEndedTask({
      status: statuses[i % 3] ?? 'completed',
      agoMs: 30_000 + i * i * 17 * 60_000,
      members: 1 + (i % 4),
    });
  }
  const windows = [60_000, HOUR_MS, 5 * HOUR_MS, 7 * 24 * HOUR_MS, 90 * 24 * HOUR_MS];
  const figures = async () => {
    const all = await Promise.all(windows.map((windowMs) => queries.stats(windowMs)));
    return all.map((one) => ({ ...one, at: null }));
  };
  const single = await figures();
  await rollUpTasks(db);
  expect(await figures()).toStrictEqual(single);

  await Promise.all([rollUpTasks(db), rollUpTasks(db)]);
  await db
    .deleteFrom('task')
    .where('finished_at', '<', ago(10 * HOUR_MS))
    .execute();
  expect((await figures()).at(-1)).toStrictEqual(single.at(-1));
});

test.each([
  ['single tasks', 100_000, 10_000],
  ['minutes', 40 * 60_000, 10 * 60_000],
  ['hours', 8 * HOUR_MS, 2 * HOUR_MS],
])('the series counts each ended task in its bucket, and reads %s', async (_source, windowMs, bucketMs) => {
  const buckets = windowMs / bucketMs;
  await addEndedTask({ agoMs: 2.5 * bucketMs });
  await addEndedTask({ agoMs: 2.5 * bucketMs });
  await addEndedTask({ agoMs: 1.5 * bucketMs, status: 'failed' });
  await addEndedTask({ agoMs: (buckets + 1) * bucketMs });
  const ended = await db.selectFrom('task').select(['status', 'finished_at']).execute();
  await rollUpTasks(db);

  const { points, ...lengths } = await queries.series(windowMs, buckets);

  expect(lengths).toEqual({ windowMs, bucketMs });
  expect(points).toHaveLength(buckets);
  for (const { at, completed, failed, cancelled, avgTaskDurationMs } of points) {
    const begin = Date.parse(at);
    const own = ended.filter(
      ({ finished_at: end }) => end !== null && Math.floor(end.getTime() / bucketMs) * bucketMs === begin,
    );
    const count = (status: string) => own.filter((task) => task.status === status).length;
    expect([completed, failed, cancelled]).toEqual([count('completed'), count('failed'), 0]);
    expect(avgTaskDurationMs).toBe(completed === 0 ? null : 500);
  }
  expect(points.reduce((sum, point) => sum + point.completed, 0)).toBe(2);
  expect(points.reduce((sum, point) => sum + point.failed, 0)).toBe(1);
});
