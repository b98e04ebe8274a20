import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { PRIORITIES } from '../../src/contracts/task.ts';
import type { Database } from '../../src/db/database.ts';
import { needOf } from '../../src/orchestrator/core/need.ts';
import { compareWaiting, type Waiting } from '../../src/orchestrator/core/order-of-work.ts';
import {
  countAnnounced,
  listNeeds,
  nextDueMs,
  takeOpenings,
  type TakeRequest,
} from '../../src/orchestrator/opening-store.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const HOLD_MS = 60_000;
const NEED = needOf(['a'], undefined);

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = database.db;
});

afterAll(() => database.drop());

beforeEach(() => db.deleteFrom('task').execute());

interface OpeningRow {
  priority?: number;
  skills?: string[];
  domain?: string | null;
  openedAt?: Date;
  deadline?: Date | null;
  /** From now; negative is due. */
  dueInMs?: number;
  parked?: boolean;
  tries?: number;
}

/** Puts openings of tasks of their own on the board; returns the tasks’ ids. */
async function open(...rows: OpeningRow[]): Promise<string[]> {
  const ids = rows.map(() => uuidv7());
  const tasks = ids.map((id) => ({ id, owner_id: 'owner', type: 't', status: 'announced', spec: '{}', data: '{}' }));
  await db
    .insertInto('task')
    .values(tasks as never)
    .execute();
  const openings = rows.map((row, i) => ({
    task_id: ids[i],
    ord: -1,
    need: needOf(row.skills ?? ['a'], row.domain ?? undefined),
    skills: row.skills ?? ['a'],
    domain: row.domain ?? null,
    priority: row.priority ?? 1,
    deadline: row.deadline ?? null,
    opened_at: row.openedAt ?? new Date(),
    due_at: new Date(Date.now() + (row.dueInMs ?? -60_000)),
    parked: row.parked ?? false,
    tries: row.tries ?? 0,
  }));
  await db
    .insertInto('opening')
    .values(openings as never)
    .execute();
  return ids;
}

function take(request: Partial<TakeRequest> = {}) {
  const requests = [{ need: NEED, limit: 100, onlyNew: false, parkedToo: false, ...request }];
  return takeOpenings(db, requests, { holdMs: HOLD_MS, limit: 100 });
}

async function takeIds(request: Partial<TakeRequest> = {}): Promise<string[]> {
  return (await take(request)).map((opening) => opening.taskId);
}

test('openings are taken in the order that compareWaiting states, as a list and one by one', async () => {
  // Ages keep clear of the 30 s boundaries by far more than a test takes.
  const rows = fc.record({
    priority: fc.nat(3),
    ageSteps: fc.constantFrom(0, 1, 2, 3, 4, 9),
    ageTenths: fc.nat(3),
    deadlineMs: fc.option(fc.constantFrom(60_000, 120_000, 180_000)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(rows, { minLength: 1, maxLength: 12 }), async (drawn) => {
      await db.deleteFrom('task').execute();
      const now = new Date();
      const openings = drawn.map(({ priority, ageSteps, ageTenths, deadlineMs }) => ({
        priority,
        openedAt: new Date(now.getTime() - ageSteps * 30_000 - ageTenths * 100 - 5_000),
        deadline: deadlineMs === null ? null : new Date(now.getTime() + deadlineMs),
      }));
      const ids = await open(...openings);
      const waiting = openings.map((one, i): Waiting => ({
        ...one,
        priority: PRIORITIES[one.priority]!,
        taskId: ids[i]!,
      }));
      const expected = waiting.toSorted((a, b) => compareWaiting(a, b, now)).map((one) => one.taskId);
      const half = Math.floor(expected.length / 2);
      expect(await takeIds({ limit: half })).toEqual(expected.slice(0, half));
      for (const taskId of expected.slice(half)) expect(await takeIds({ limit: 1 })).toEqual([taskId]);
    }),
    { numRuns: 25 },
  );
});

test('what is taken is hidden for the hold, counts as announced, and falls due again after it', async () => {
  const [id] = await open({});
  expect(await take()).toMatchObject([{ taskId: id, ord: -1, skills: ['a'], domain: null, tries: 1, incapableMs: 0 }]);
  expect(await takeIds()).toEqual([]);
  const dueMs = (await nextDueMs(db))!;
  expect(dueMs).toBeGreaterThan(0);
  expect(dueMs).toBeLessThanOrEqual(HOLD_MS);
  await sql`update opening set due_at = clock_timestamp()`.execute(db);
  expect(await take()).toMatchObject([{ taskId: id, tries: 2 }]);
});

test('what is not due is not taken', async () => {
  await open({ dueInMs: 60_000 });
  expect(await takeIds()).toEqual([]);
});

test('what waits for capacity before its time is taken with parkedToo only; what is hidden by a pass never', async () => {
  const [parked] = await open({ dueInMs: 60_000, parked: true, tries: 1 }, { dueInMs: 60_000, tries: 1 });
  expect(await takeIds()).toEqual([]);
  expect(await takeIds({ parkedToo: true })).toEqual([parked]);
  expect(await takeIds({ parkedToo: true })).toEqual([]);
});

test('with onlyNew, what was announced before is left', async () => {
  const [fresh] = await open({}, { tries: 1 });
  expect(await takeIds({ onlyNew: true })).toEqual([fresh]);
});

test('each need has its own limit', async () => {
  const a = await open({}, {}, {});
  const b = await open({ skills: ['b'] }, { skills: ['b'] });
  const request = { onlyNew: false, parkedToo: false };
  const taken = await takeOpenings(
    db,
    [
      { need: NEED, limit: 2, ...request },
      { need: needOf(['b'], undefined), limit: 1, ...request },
    ],
    { holdMs: HOLD_MS, limit: 100 },
  );
  const ids = taken.map((opening) => opening.taskId);
  expect(ids.filter((id) => a.includes(id))).toHaveLength(2);
  expect(ids.filter((id) => b.includes(id))).toHaveLength(1);
});

test('of all needs together at most the limit is taken, the most urgent of whatever need first', async () => {
  const [low] = await open({ priority: 0 });
  const [critical, normal] = await open({ skills: ['b'], priority: 3 }, { skills: ['b'], priority: 1 });
  const requests = [['a'], ['b']].map((skills) => ({
    need: needOf(skills, undefined),
    limit: 100,
    onlyNew: false,
    parkedToo: false,
  }));
  const taken = () => takeOpenings(db, requests, { holdMs: HOLD_MS, limit: 2 });
  expect((await taken()).map((opening) => opening.taskId)).toEqual([critical, normal]);
  expect((await taken()).map((opening) => opening.taskId)).toEqual([low]);
});

test('two orchestrators at once take different openings, and what one holds does not hold up the other', async () => {
  const ids = await open(...Array.from({ length: 20 }, () => ({})));
  const [first, second] = await Promise.all([takeIds({ limit: 10 }), takeIds({ limit: 10 })]);
  const rest = await takeIds();
  expect([...first, ...second, ...rest].toSorted()).toEqual(ids.toSorted());

  const [held, free] = await open({}, {});
  await db.transaction().execute(async (holder) => {
    await holder.selectFrom('opening').select('ord').where('task_id', '=', held!).forUpdate().execute();
    expect(await takeIds()).toEqual([free]);
  });
});

test('needs are listed once each, in order, however many openings they have', async () => {
  await open(
    { skills: ['b'] },
    { skills: ['b'] },
    {},
    {},
    { domain: 'retail' },
    { skills: ['b', 'a'] },
    { skills: ['a', 'b'] },
    { skills: [] },
  );
  const needs = (await listNeeds(db)).map((one) => one.need);
  const expected = [
    needOf([], undefined),
    NEED,
    needOf(['a', 'b'], undefined),
    needOf(['b'], undefined),
    needOf(['a'], 'retail'),
  ];
  expect(needs.toSorted()).toEqual(expected.toSorted());
  expect((await listNeeds(db)).find((one) => one.domain === 'retail')).toMatchObject({ skills: ['a'] });
});

test('an empty board has no needs and no next due time', async () => {
  expect([await listNeeds(db), await nextDueMs(db), await takeIds()]).toEqual([[], null, []]);
});

test('announced openings of a need are counted up to the most asked for', async () => {
  await open({ tries: 1 }, { tries: 2 }, { tries: 3 }, {}, { skills: ['b'], tries: 1 });
  expect([await countAnnounced(db, NEED, 100), await countAnnounced(db, NEED, 2)]).toEqual([3, 2]);
});

test('the time without a capable agent is what was counted before plus what runs now', async () => {
  const [id] = await open({});
  await sql`update opening set incapable_ms = 4000, incapable_since = clock_timestamp() - interval '20 s' where task_id = ${id}`.execute(
    db,
  );
  const [opening] = await take();
  expect(opening!.incapableMs).toBeGreaterThanOrEqual(24_000);
});
