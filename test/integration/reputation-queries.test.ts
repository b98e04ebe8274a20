import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { Principal } from '../../src/contracts/access.ts';
import type { Outcome } from '../../src/contracts/ledger.ts';
import type { Database } from '../../src/db/database.ts';
import { OwnedDatabase } from '../../src/db/owned-database.ts';
import { createReputationQueries } from '../../src/reputation/index.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ADMIN: Principal = { keyId: null, role: 'admin', ownerId: 'local' };
const ALICE: Principal = { keyId: 'k', role: 'submitter', ownerId: 'alice' };

let database: TestDatabase;
let db: Database;
let queries: ReturnType<typeof createReputationQueries>;
let entries = 0;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = database.db;
  queries = createReputationQueries({ db, owned: new OwnedDatabase(db, db), leaseMs: 10_000 });
});

afterAll(() => database.drop());

beforeEach(async () => {
  for (const table of ['ledger', 'agent'] as const) await db.deleteFrom(table).execute();
});

interface AgentFacts {
  reputation?: number;
  skills?: string[];
  status?: 'active' | 'retired';
  accepted?: number;
  failed?: number;
  response_ms_sum?: number;
  team_accepted?: number;
  team_failed?: number;
}

async function addAgent(id: string, facts: AgentFacts = {}) {
  await db
    .insertInto('agent')
    .values({ id, name: `Agent ${id}`, skills: ['seo'], domains: [], capacity: 4, pool: null, ...facts })
    .execute();
}

function ago(ms: number): Date {
  return new Date(Date.now() - ms);
}

async function addEntry(agentId: string, at: Date, after: number, known: { ownerId?: string; outcome?: Outcome } = {}) {
  entries += 1;
  const { ownerId = 'alice', outcome = 'accepted' } = known;
  const taskId = uuidv7();
  const about = { agent_id: agentId, task_id: taskId, owner_id: ownerId, subtask_id: `${taskId}-0`, skill: 'seo' };
  const verdict = { outcome, quality: 92.5, quality_source: 'check' as const, delta: 7, reason: null, duration_ms: 40 };
  const folded = { fold_seq: entries, before: 100, after };
  await db
    .insertInto('ledger')
    .values({ effect_key: `attempt:${String(entries)}`, ...about, ...verdict, at, ...folded })
    .execute();
  return taskId;
}

test('an agent that does not exist is NOT_FOUND', async () => {
  await expect(queries.ofAgent(ADMIN, 'nobody', {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('an agent’s history is newest first, with its reputation, its tier and its figures by skill', async () => {
  await addAgent('ann', { reputation: 112 });
  await addEntry('ann', ago(2 * HOUR_MS), 105);
  await addEntry('ann', ago(HOUR_MS), 112);
  await db
    .insertInto('agent_skill')
    .values({
      agent_id: 'ann',
      skill: 'seo',
      accepted: 3,
      failed: 1,
      quality_sum: 185,
      quality_count: 2,
      duration_ms_sum: 100,
      duration_count: 3,
    })
    .execute();
  const found = await queries.ofAgent(ADMIN, 'ann', {});
  expect(found).toMatchObject({ agentId: 'ann', reputation: 112, tier: 'Expert' });
  expect(found.entries.map((entry) => entry.after)).toEqual([112, 105]);
  expect(found.entries[0]).toMatchObject({
    outcome: 'accepted',
    quality: 92.5,
    qualitySource: 'check',
    delta: 7,
    before: 100,
  });
  expect(found.bySkill).toEqual({
    seo: { accepted: 3, failed: 1, successRate: 0.75, avgQuality: 92.5, avgDurationMs: 33 },
  });
});

test('a submitter sees the task ids of its own tasks only, an admin those of all', async () => {
  await addAgent('ann');
  const own = await addEntry('ann', ago(HOUR_MS), 107);
  const foreign = await addEntry('ann', ago(2 * HOUR_MS), 107, { ownerId: 'bob' });
  const ids = async (principal: Principal) =>
    (await queries.ofAgent(principal, 'ann', {})).entries.map(({ taskId, subtaskId }) => [taskId, subtaskId]);
  expect(await ids(ALICE)).toEqual([
    [own, `${own}-0`],
    [null, null],
  ]);
  expect(await ids(ADMIN)).toEqual([
    [own, `${own}-0`],
    [foreign, `${foreign}-0`],
  ]);
});

test('from and to bound the history, both ends included', async () => {
  await addAgent('ann');
  const instants = [1, 2, 3, 4].map((hours) => ago(hours * HOUR_MS));
  for (const [i, at] of instants.entries()) await addEntry('ann', at, 100 + i);
  const found = await queries.ofAgent(ADMIN, 'ann', { from: instants[2], to: instants[1] });
  expect(found.entries.map((entry) => entry.after)).toEqual([101, 102]);
});

test('a history shows the newest 200 entries', async () => {
  await addAgent('ann');
  for (let i = 0; i < 201; i++) await addEntry('ann', ago(i * 1_000), i % 150);
  const found = await queries.ofAgent(ADMIN, 'ann', {});
  expect(found.entries).toHaveLength(200);
  expect(found.entries[0]!.after).toBe(0);
});

test('an entry that is not folded yet is in the history without before and after', async () => {
  await addAgent('ann');
  await addEntry('ann', ago(1_000), 107);
  await db.updateTable('ledger').set({ fold_seq: null, before: null, after: null }).execute();
  const [entry] = (await queries.ofAgent(ADMIN, 'ann', {})).entries;
  expect(entry).toMatchObject({ foldSeq: null, before: null, after: null, delta: 7 });
});

test('the history of a retired agent stays', async () => {
  await addAgent('ann', { status: 'retired' });
  await addEntry('ann', ago(1_000), 107);
  expect((await queries.ofAgent(ADMIN, 'ann', {})).entries).toHaveLength(1);
});

test('the leaderboard ranks by reputation, then id, and leaves out the retired', async () => {
  await addAgent('bob', { reputation: 120 });
  await addAgent('ann', { reputation: 120 });
  await addAgent('cyd', { reputation: 90 });
  await addAgent('old', { reputation: 150, status: 'retired' });
  const { items, nextCursor } = await queries.leaderboard({ limit: 50 });
  expect(items.map(({ rank, agentId, tier }) => [rank, agentId, tier])).toEqual([
    [1, 'ann', 'Expert'],
    [2, 'bob', 'Expert'],
    [3, 'cyd', 'Competent'],
  ]);
  expect(nextCursor).toBeNull();
});

test('the leaderboard’s pages follow each other without gap or repeat, also among equals', async () => {
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await addAgent(id, { reputation: id < 'e' ? 110 : 100 });
  const seen: [number, string][] = [];
  let cursor: string | undefined;
  do {
    const page = await queries.leaderboard({ limit: 2, cursor });
    seen.push(...page.items.map(({ rank, agentId }): [number, string] => [rank, agentId]));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(seen).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id, i) => [i + 1, id]));
});

test.each(['x', 'W10', Buffer.from('[100,"\u0000"]').toString('base64url')])(
  'a leaderboard’s cursor that it never gave is INVALID_REQUEST: %s',
  async (cursor) => {
    await expect(queries.leaderboard({ limit: 2, cursor })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  },
);

test('a leaderboard row has rates, the Wilson interval, response time and the trend of 7 days', async () => {
  const counts = { accepted: 8, failed: 2, response_ms_sum: 820, team_accepted: 1, team_failed: 1 };
  await addAgent('ann', { reputation: 130, ...counts });
  await addEntry('ann', ago(9 * DAY_MS), 105);
  await addEntry('ann', ago(8 * DAY_MS), 112);
  await addEntry('ann', ago(6 * DAY_MS), 119);
  expect((await queries.leaderboard({ limit: 1 })).items).toEqual([
    {
      rank: 1,
      agentId: 'ann',
      name: 'Agent ann',
      reputation: 130,
      tier: 'Elite',
      successes: 8,
      failures: 2,
      successRate: 0.8,
      successRateInterval: { low: 0.4902, high: 0.9433 },
      trend: 18,
      avgResponseMs: 103,
      teamSuccessRate: 0.5,
    },
  ]);
});

test('an agent without history has no rates, and its trend is from the 100 that everybody starts with', async () => {
  await addAgent('ann', { reputation: 105 });
  const [row] = (await queries.leaderboard({ limit: 1 })).items;
  expect(row).toMatchObject({
    successRate: null,
    successRateInterval: null,
    avgResponseMs: null,
    teamSuccessRate: null,
    trend: 5,
  });
});

test('a leaderboard of a skill ranks those who register it, by their reputation, with their figures in it', async () => {
  await addAgent('ann', { reputation: 120, accepted: 50, failed: 50 });
  await addAgent('bob', { reputation: 110, skills: ['finance', 'seo'] });
  await addAgent('cyd', { reputation: 140, skills: ['finance'] });
  await db
    .insertInto('agent_skill')
    .values({ agent_id: 'ann', skill: 'seo', accepted: 3, failed: 1, duration_ms_sum: 90, duration_count: 3 })
    .execute();
  await db.insertInto('agent_skill').values({ agent_id: 'ann', skill: 'finance', accepted: 9 }).execute();
  const { items } = await queries.leaderboard({ limit: 50, skill: 'seo' });
  expect(items).toMatchObject([
    { rank: 1, agentId: 'ann', successes: 3, failures: 1, successRate: 0.75, avgResponseMs: 30 },
    { rank: 2, agentId: 'bob', successes: 0, failures: 0, successRate: null, avgResponseMs: null },
  ]);
});

test('a leaderboard of a tier holds its borders: 110 and 129 are Expert, 109 and 130 are not', async () => {
  for (const reputation of [109, 110, 129, 130]) await addAgent(`a${String(reputation)}`, { reputation });
  const { items } = await queries.leaderboard({ limit: 50, tier: 'Expert' });
  expect(items.map(({ rank, reputation }) => [rank, reputation])).toEqual([
    [1, 129],
    [2, 110],
  ]);
});

test('tiers counts every tier, also the empty ones, with mean and population deviation', async () => {
  await addAgent('a', { reputation: 130 });
  await addAgent('b', { reputation: 110 });
  await addAgent('c', { reputation: 90 });
  await addAgent('old', { reputation: 0, status: 'retired' });
  expect(await queries.tiers()).toMatchObject({
    tiers: { Elite: 1, Expert: 1, Competent: 1, Developing: 0, 'Needs Improvement': 0 },
    agents: 3,
    mean: 110,
    standardDeviation: 16.33,
  });
});

test('concentration: of 10 agents the top 10 % is one, with its share of the awards, and HHI is the sum of squared shares', async () => {
  await addAgent('top', { accepted: 9, failed: 2 });
  for (let i = 0; i < 9; i++) await addAgent(`a${String(i)}`, { accepted: 1 });
  expect((await queries.tiers()).concentration).toEqual({ awards: 20, top10PercentShare: 0.55, hhi: 0.325 });
});

test('a market without agents or awards has no mean and no concentration', async () => {
  expect(await queries.tiers()).toEqual({
    tiers: { Elite: 0, Expert: 0, Competent: 0, Developing: 0, 'Needs Improvement': 0 },
    agents: 0,
    mean: null,
    standardDeviation: null,
    concentration: { awards: 0, top10PercentShare: null, hhi: null },
  });
});

test('movers are measured from the last entry before the window, or from 100, the largest first', async () => {
  await addAgent('up', { reputation: 130 });
  await addEntry('up', ago(10 * DAY_MS), 95);
  await addEntry('up', ago(8 * DAY_MS), 110);
  await addEntry('up', ago(2 * DAY_MS), 130);
  await addAgent('new', { reputation: 107 });
  await addEntry('new', ago(DAY_MS), 107);
  await addAgent('down', { reputation: 60 });
  await addAgent('less', { reputation: 90 });
  await addAgent('same', { reputation: 100 });
  await addAgent('old', { reputation: 0, status: 'retired' });
  const { rises, falls, windowMs, from } = await queries.movers(7 * DAY_MS);
  expect(rises.map(({ agentId, before, after, change }) => [agentId, before, after, change])).toEqual([
    ['up', 110, 130, 20],
    ['new', 100, 107, 7],
  ]);
  expect(falls.map(({ agentId, change, tier }) => [agentId, change, tier])).toEqual([
    ['down', -40, 'Needs Improvement'],
    ['less', -10, 'Competent'],
  ]);
  expect(windowMs).toBe(7 * DAY_MS);
  expect(new Date(from).getTime()).toBeLessThan(Date.now() - 6 * DAY_MS);
});

test('movers shows at most ten rises and ten falls', async () => {
  for (let i = 1; i <= 11; i++) {
    await addAgent(`up${String(i)}`, { reputation: 100 + i });
    await addAgent(`down${String(i)}`, { reputation: 100 - i });
  }
  const { rises, falls } = await queries.movers(DAY_MS);
  expect([rises.length, falls.length]).toEqual([10, 10]);
  expect([rises[0]!.change, rises.at(-1)!.change, falls[0]!.change]).toEqual([11, 2, -11]);
});

test('when nobody moved, movers still says from when it looked', async () => {
  const { rises, falls, from } = await queries.movers(DAY_MS);
  expect([rises, falls]).toEqual([[], []]);
  expect(new Date(from).getTime()).toBeLessThan(Date.now());
});
