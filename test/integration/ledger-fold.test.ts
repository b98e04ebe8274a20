import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest';
import type { Outcome } from '../../src/contracts/ledger.ts';
import type { Database } from '../../src/db/database.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createFold, createLedgerStore } from '../../src/reputation/index.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const TASK_ID = uuidv7();
const AGENTS = ['ann', 'bob', 'cyd', 'dee'];
const ledger = createLedgerStore();

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = database.db;
});

afterAll(() => database.drop());

beforeEach(async () => {
  await db.deleteFrom('ledger').execute();
  await db.deleteFrom('agent').execute();
  const rows = AGENTS.map((id) => ({ id, name: id, skills: ['seo'], domains: [], capacity: 4, pool: 'pool' }));
  await db.insertInto('agent').values(rows).execute();
});

function newFold() {
  return createFold({ db, logger: createLogger('silent') });
}

function cause(agentId: string, key: string, outcome: Outcome = 'accepted', quality: number | null = null) {
  const about = { taskId: TASK_ID, ownerId: 'owner', subtaskId: `${TASK_ID}-0`, skill: 'seo' };
  const verdict = { outcome, quality, qualitySource: quality === null ? null : ('check' as const), reason: null };
  return { effectKey: `attempt:${key}`, agentId, ...about, ...verdict, durationMs: 40, team: false };
}

function append(causes: ReturnType<typeof cause>[]) {
  return db.transaction().execute((trx) => ledger.append(trx, causes));
}

async function foldAll(fold: ReturnType<typeof newFold>, limit?: number) {
  const all = [];
  for (;;) {
    const entries = await fold.foldOnce(limit);
    if (entries.length === 0) return all;
    all.push(...entries);
  }
}

async function reputationOf(agentId: string) {
  const row = await db.selectFrom('agent').select('reputation').where('id', '=', agentId).executeTakeFirstOrThrow();
  return row.reputation;
}

/** Resolves when so many statements of this database wait for a lock. */
async function somebodyWaits(count = 1) {
  await vi.waitFor(
    async () => {
      const { rows } = await sql`select pid from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
      expect(rows.length).toBeGreaterThanOrEqual(count);
    },
    { timeout: 10_000, interval: 10 },
  );
}

test('an effect key is an entry once, within one append and across two', async () => {
  await append([cause('ann', 'a'), cause('ann', 'a', 'failed')]);
  await append([cause('ann', 'a', 'failed'), cause('ann', 'b')]);
  const rows = await db.selectFrom('ledger').select(['effect_key', 'outcome', 'delta']).orderBy('id').execute();
  expect(rows).toEqual([
    { effect_key: 'attempt:a', outcome: 'accepted', delta: 5 },
    { effect_key: 'attempt:b', outcome: 'accepted', delta: 5 },
  ]);
});

test('an append that is rolled back leaves no entry', async () => {
  const failing = db.transaction().execute(async (trx) => {
    await ledger.append(trx, [cause('ann', 'a')]);
    throw new Error('settlement refused');
  });
  await expect(failing).rejects.toThrow('settlement refused');
  expect(await db.selectFrom('ledger').selectAll().execute()).toEqual([]);
});

test('an append takes its keys in one order: one that comes in another order waits, and nobody deadlocks', async () => {
  let waiting: Promise<void> = Promise.resolve();
  await db.transaction().execute(async (first) => {
    await ledger.append(first, [cause('ann', 'a')]);
    waiting = append([cause('ann', 'b'), cause('ann', 'a')]);
    await Promise.race([waiting, somebodyWaits()]);
    await ledger.append(first, [cause('ann', 'b')]);
  });
  await waiting;
  expect(await db.selectFrom('ledger').selectAll().execute()).toHaveLength(2);
});

test('an appended entry changes the reputation only when it is folded, and only once', async () => {
  await append([cause('ann', 'a', 'accepted', 95)]);
  expect(await reputationOf('ann')).toBe(100);
  const fold = newFold();
  expect(await fold.foldOnce()).toMatchObject([{ agentId: 'ann', before: 100, after: 107, delta: 7, quality: 95 }]);
  expect(await fold.foldOnce()).toEqual([]);
  expect(await reputationOf('ann')).toBe(107);
});

test('an entry tells the tier before and after it', async () => {
  await append([cause('ann', 'a', 'failed'), cause('ann', 'b', 'rejected')]);
  const tiers = (await newFold().foldOnce()).map(({ tierBefore, tier }) => [tierBefore, tier]);
  expect(tiers).toEqual([
    ['Competent', 'Competent'],
    ['Competent', 'Developing'],
  ]);
});

test('the fold writes the agent’s record and its totals by skill', async () => {
  await append([
    { ...cause('ann', 'a', 'accepted', 80), team: true },
    cause('ann', 'b', 'timed_out'),
    { ...cause('ann', 'c', 'market_failure'), reason: 'LEASE_LOST' as never },
    { ...cause('ann', 'd'), skill: null as never, durationMs: 60 },
  ]);
  await newFold().foldOnce();
  await append([cause('ann', 'e', 'accepted', 100)]);
  await newFold().foldOnce();
  expect(await db.selectFrom('agent').selectAll().where('id', '=', 'ann').executeTakeFirst()).toMatchObject({
    reputation: 107,
    accepted: 3,
    failed: 1,
    response_ms_sum: 140,
    team_accepted: 1,
    team_failed: 0,
  });
  expect(await db.selectFrom('agent_skill').selectAll().execute()).toEqual([
    {
      agent_id: 'ann',
      skill: 'seo',
      accepted: 2,
      failed: 1,
      quality_sum: 180,
      quality_count: 2,
      duration_ms_sum: 80,
      duration_count: 2,
    },
  ]);
});

test('entries of an agent that has no record are folded, go on where they left off, and hold nobody up', async () => {
  await append([cause('aaa-nobody', 'a'), cause('ann', 'b')]);
  const fold = newFold();
  expect(await fold.foldOnce()).toHaveLength(2);
  await append([cause('aaa-nobody', 'c', 'failed')]);
  expect(await fold.foldOnce()).toMatchObject([{ agentId: 'aaa-nobody', before: 105, after: 95 }]);
  expect(await reputationOf('ann')).toBe(105);
});

test('a fold takes at most its limit, and the next goes on with the agent’s next entry', async () => {
  await append([cause('ann', 'a'), cause('ann', 'b'), cause('ann', 'c')]);
  const fold = newFold();
  expect(await fold.foldOnce(2)).toHaveLength(2);
  expect(await fold.foldOnce(2)).toMatchObject([{ before: 110, after: 115 }]);
});

test('an entry that commits late is applied late, though its id is the lower one', async () => {
  const fold = newFold();
  await db.transaction().execute(async (early) => {
    await ledger.append(early, [cause('ann', 'low id', 'failed')]);
    await append([cause('ann', 'high id')]);
    expect(await fold.foldOnce()).toMatchObject([{ before: 100, after: 105 }]);
  });
  expect(await fold.foldOnce()).toMatchObject([{ before: 105, after: 95 }]);
  expect(await reputationOf('ann')).toBe(95);
});

test('a fold waits for entries that another holds, and does not take an agent’s later ones before them', async () => {
  await append([cause('ann', 'a', 'failed')]);
  await append([cause('ann', 'b')]);
  let folding: Promise<{ before: number; after: number }[]> = Promise.resolve([]);
  await db.transaction().execute(async (holder) => {
    await holder.selectFrom('ledger').select('id').where('effect_key', '=', 'attempt:a').forUpdate().execute();
    folding = newFold().foldOnce();
    await Promise.race([folding, somebodyWaits()]);
  });
  expect(await folding).toMatchObject([
    { before: 100, after: 90 },
    { before: 90, after: 95 },
  ]);
});

test('a fold that waited for another goes on from the reputation that the other left', async () => {
  await append([cause('ann', 'a')]);
  let folding: Promise<{ before: number; after: number }[]> = Promise.resolve([]);
  await db.transaction().execute(async (other) => {
    await other.updateTable('agent').set({ reputation: 60 }).where('id', '=', 'ann').execute();
    folding = newFold().foldOnce();
    await Promise.race([folding, somebodyWaits()]);
  });
  expect(await folding).toMatchObject([{ before: 60, after: 65 }]);
});

test('of two folds at once, one takes the entry and the other finds nothing left', async () => {
  await append([cause('ann', 'a')]);
  let folds: Promise<{ foldSeq: number }[][]> = Promise.resolve([]);
  await db.transaction().execute(async (holder) => {
    await holder.selectFrom('ledger').select('id').forUpdate().execute();
    folds = Promise.all([newFold().foldOnce(), newFold().foldOnce()]);
    await Promise.race([folds, somebodyWaits(2)]);
  });
  expect((await folds).map((entries) => entries.length).toSorted()).toEqual([0, 1]);
});

test('folds at once, while entries are appended, take every entry once and each agent’s in unbroken order', async () => {
  const outcomes = ['accepted', 'failed', 'accepted', 'timed_out', 'accepted', 'market_failure', 'accepted'] as const;
  const appending = Array.from({ length: 30 }, (_, round) =>
    append(
      Array.from({ length: 10 }, (_, i) => {
        const n = round * 10 + i;
        return cause(AGENTS[n % AGENTS.length]!, `c${String(n)}`, outcomes[n % outcomes.length], n % 101);
      }),
    ),
  );
  const folding = Array.from({ length: 20 }, () => newFold().foldOnce(7));
  const during = (await Promise.all([Promise.all(folding), Promise.all(appending)]))[0].flat();
  const after = (await Promise.all([foldAll(newFold(), 7), foldAll(newFold(), 11)])).flat();
  const told = [...during, ...after];
  expect(told).toHaveLength(300);
  expect(new Set(told.map((entry) => entry.foldSeq)).size).toBe(300);

  const rows = await db.selectFrom('ledger').selectAll().orderBy('fold_seq').execute();
  for (const agentId of AGENTS) {
    let reputation = 100;
    for (const row of rows.filter((one) => one.agent_id === agentId)) {
      expect(row.before).toBe(reputation);
      reputation = Math.max(0, Math.min(150, reputation + row.delta));
      expect(row.after).toBe(reputation);
    }
    expect(await reputationOf(agentId)).toBe(reputation);
  }
});
