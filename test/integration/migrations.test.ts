import { sql } from 'kysely';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Database } from '../../src/db/database.ts';
import { migrateDown, migrateToLatest, pendingMigrations } from '../../src/db/migrator.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = database.db;
});

afterAll(() => database.drop());

/** Everything of ours that the schema holds: tables and their columns, indexes, sequences, triggers, functions. */
async function schema(): Promise<string[]> {
  const { rows } = await sql<{ what: string }>`
    select 'column ' || table_name || '.' || column_name || ' ' || data_type as what
      from information_schema.columns where table_schema = 'public' and table_name not like 'kysely_%'
    union all select 'index ' || indexdef from pg_indexes where schemaname = 'public' and tablename not like 'kysely_%'
    union all select 'sequence ' || sequence_name from information_schema.sequences where sequence_schema = 'public'
    union all select 'trigger ' || trigger_name from information_schema.triggers where trigger_schema = 'public'
    union all select 'function ' || routine_name from information_schema.routines where routine_schema = 'public'
    order by 1`.execute(db);
  return rows.map((row) => row.what);
}

test('down leaves nothing of ours, and up again makes the same schema', async () => {
  const before = await schema();
  expect(before.length).toBeGreaterThan(100);
  const undone = await migrateDown(db as never);
  expect(await schema()).toEqual([]);
  expect(await pendingMigrations(db as never)).toEqual(undone.toSorted());
  expect(await migrateToLatest(db as never)).toEqual(undone.toSorted());
  expect(await schema()).toEqual(before);
});

test('up on a migrated database applies nothing, also by two processes at once', async () => {
  expect(await Promise.all([migrateToLatest(db as never), migrateToLatest(db as never)])).toEqual([[], []]);
  expect(await pendingMigrations(db as never)).toEqual([]);
});

async function insertSubtask(epoch: number): Promise<string> {
  const id = uuidv7();
  const task = { id, owner_id: 'owner', type: 't', status: 'running', spec: '{}', data: '{}' };
  await db
    .insertInto('task')
    .values(task as never)
    .execute();
  const subtask = { id: `${id}-0`, task_id: id, ord: 0, skills: ['a'], status: 'awarded', epoch };
  await db
    .insertInto('subtask')
    .values(subtask as never)
    .execute();
  return subtask.id;
}

const setEpoch = (id: string, epoch: number) => db.updateTable('subtask').set({ epoch }).where('id', '=', id).execute();

async function epochOf(id: string): Promise<number> {
  return (await db.selectFrom('subtask').select('epoch').where('id', '=', id).executeTakeFirstOrThrow()).epoch;
}

test('the epoch of a subtask may stay and grow', async () => {
  const id = await insertSubtask(3);
  await setEpoch(id, 3);
  await setEpoch(id, 4);
  expect(await epochOf(id)).toBe(4);
});

test('the epoch of a subtask cannot fall, by an update or by an insert that meets it', async () => {
  const id = await insertSubtask(3);
  await expect(setEpoch(id, 2)).rejects.toThrow(/cannot fall from 3 to 2/);
  const upsert = sql`insert into subtask (id, task_id, ord, skills, status, epoch)
    select id, task_id, ord, skills, status, 1 from subtask where id = ${id}
    on conflict (id) do update set epoch = excluded.epoch`.execute(db);
  await expect(upsert).rejects.toThrow(/cannot fall from 3 to 1/);
  expect(await epochOf(id)).toBe(3);
});

test('a subtask has one accepted delivery, ever', async () => {
  const id = await insertSubtask(2);
  const attempt = (epoch: number) => ({
    subtask_id: id,
    epoch,
    task_id: id.slice(0, 36),
    agent_id: 'ann',
    pool: 'pool',
    attempt: epoch,
    timeout_ms: 1_000,
    due_at: new Date(),
    verdict: 'accepted',
  });
  await db.insertInto('attempt').values(attempt(1)).execute();
  await expect(
    db
      .insertInto('attempt')
      .values(attempt(2) as never)
      .execute(),
  ).rejects.toThrow(/attempt_accepted/);
});
