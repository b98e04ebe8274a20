import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { claimAttempts } from '../../src/agents/attempt-store.ts';
import { openDatabase, type Database, type DatabaseRole } from '../../src/db/database.ts';
import { OwnedDatabase } from '../../src/db/owned-database.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

/** Tables that hold nothing of an owner's, and why. A table that is in neither list is one that somebody forgot. */
const SHARED = {
  agent: 'cards, for everyone',
  agent_skill: 'totals of agents, for everyone',
  replica: 'processes of pools',
  skill: 'records of the market, for everyone',
  tool: 'records of the market, for everyone',
  handoff_route: 'to whom agents may hand work',
  task_rollup: 'sums over all owners, for admins',
  task_rollup_progress: 'how far those go',
  outbox: 'ids of jobs',
  bus_payload: 'messages between processes, for a minute',
  bus_secret: 'one secret, for processes',
  kysely_migration: 'names of migrations',
  kysely_migration_lock: 'one lock',
};

const A = { task: '01900000-0000-7000-8000-00000000000a', owner: 'ann', agent: 'agent-a', pool: 'pool-a' };
const B = { task: '01900000-0000-7000-8000-00000000000b', owner: 'bob', agent: 'agent-b', pool: 'pool-b' };

let database: TestDatabase;
const opened: Database[] = [];
const as = (role: DatabaseRole): Database => {
  const logger = createLogger('silent');
  const db = openDatabase({ url: database.url, role, maxConnections: 2, applicationName: 'test', logger });
  opened.push(db);
  return db;
};
let api: Database;
let owned: OwnedDatabase;
let orchestrator: Database;
let keeper: Database;
let poolA: Database;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  for (const one of [A, B]) await fill(one);
  api = as('api');
  owned = new OwnedDatabase(api, as('api for all owners'));
  orchestrator = as('orchestrator');
  keeper = as('keeper');
  poolA = as({ pool: A.pool });
});
afterAll(async () => {
  await Promise.all(opened.map((db) => db.destroy()));
  await database.drop();
});

/** One row of an owner's in every table that holds such. */
async function fill({ task, owner, agent, pool }: typeof A): Promise<void> {
  await sql
    .raw(
      `
    insert into agent (id, name, skills, capacity, pool) values ('${agent}', 'x', '{s}', 4, '${pool}');
    insert into task (id, owner_id, type, status, spec, data) values ('${task}', '${owner}', 't', 'running', '{}', '{}');
    insert into idempotency (owner_id, key, request_hash, task_id) values ('${owner}', 'k', 'x', '${task}');
    insert into subtask (id, task_id, ord, skills, status) values ('${task}-0', '${task}', 0, '{s}', 'awarded');
    insert into opening (task_id, ord, need, skills, priority) values ('${task}', 0, 'n', '{s}', 1);
    insert into round (task_id, round, receipt) values ('${task}', 1, '{}');
    insert into attempt (subtask_id, epoch, task_id, agent_id, pool, attempt, timeout_ms, due_at)
      values ('${task}-0', 1, '${task}', '${agent}', '${pool}', 1, 1000, now());
    insert into event (task_id, seq, type, at, data) values ('${task}', 1, 'task.accepted', now(), '{}');
    insert into agent_message (id, task_id, subtask_id, from_agent, topic)
      values ('${task}', '${task}', '${task}-0', '${agent}', 't');
    insert into ledger (effect_key, agent_id, task_id, owner_id, subtask_id, outcome, delta)
      values ('attempt:${task}-0:1', '${agent}', '${task}', '${owner}', '${task}-0', 'accepted', 5);
    insert into feedback (subtask_id, task_id, owner_id, quality) values ('${task}-0', '${task}', '${owner}', 1);
    insert into agent_memory (id, agent_id, owner_id, text, task_id, subtask_id)
      values ('${task}', '${agent}', '${owner}', 'x', '${task}', '${task}-0');
    insert into handoff (id, task_id, subtask_id, epoch, owner_id, from_agent, to_agent, reason)
      values ('${task}', '${task}', '${task}-0', 1, '${owner}', '${agent}', 'x', 'x');
    insert into api_key (id, role, owner_id, hash) values ('${owner}', 'submitter', '${owner}', '${owner}');
    insert into audit (actor, action) values ('${owner}', 'x')`,
    )
    .execute(database.db);
}

const text = (db: Kysely<never> | Database, statement: string) => sql.raw<{ row: string }>(statement).execute(db);
const rowsOf = async (db: Database, table: string): Promise<string[]> => {
  const { rows } = await text(db, `select t::text as row from ${table} t`);
  return rows.map(({ row }) => row);
};

async function unguarded(db: Database): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'm', 'v')
      and not (relrowsecurity and relforcerowsecurity) order by 1`.execute(db);
  return rows.map(({ name }) => name);
}

describe('every table', () => {
  test('forces row-level security or is known to hold nothing of an owner', async () => {
    expect(await unguarded(database.db)).toEqual(Object.keys(SHARED).toSorted());
  });

  test('is found when it is new and has none, or is not forced', async () => {
    await sql`create table forgotten (owner_id text)`.execute(database.db);
    expect(await unguarded(database.db)).toContain('forgotten');
    await sql`alter table forgotten enable row level security`.execute(database.db);
    expect(await unguarded(database.db)).toContain('forgotten');
    await sql`drop table forgotten`.execute(database.db);
  });

  test('belongs to no role of the market, and none of these goes round the policies', async () => {
    const { rows } = await sql`select rolname from pg_roles r where rolname like 'swarmbid\_%' and
      (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or exists (select from pg_class c where c.relowner = r.oid
        and c.relnamespace = 'public'::regnamespace))`.execute(database.db);
    expect(rows).toEqual([]);
  });
});

const TASK_TABLES = [
  'task',
  'idempotency',
  'subtask',
  'opening',
  'round',
  'attempt',
  'event',
  'ledger',
  'feedback',
  'agent_memory',
  'handoff',
];

describe.each(TASK_TABLES)('a query that forgets its filter, on %s', (table) => {
  test('finds nothing while no owner is named', async () => {
    expect(await rowsOf(api, table)).toEqual([]);
  });

  test("finds the named owner's rows and no other's", async () => {
    for (const [mine, other] of [
      [A, B],
      [B, A],
    ] as const) {
      const rows = await owned.read({ role: 'submitter', ownerId: mine.owner }, (db) => rowsOf(db, table));
      expect(rows).toHaveLength(1);
      expect(rows.join()).not.toContain(other.task);
    }
  });

  test('finds nothing for an owner without tasks, and leaves no name behind for the next query', async () => {
    expect(await owned.read({ role: 'submitter', ownerId: 'nobody' }, (db) => rowsOf(db, table))).toEqual([]);
    expect(await owned.read({ role: 'agent', ownerId: A.owner }, (db) => rowsOf(db, table))).toHaveLength(1);
    for (let n = 0; n < 4; n += 1) expect(await rowsOf(api, table)).toEqual([]);
  });

  test('finds all rows for an admin and for the orchestrator', async () => {
    expect(await owned.read({ role: 'admin', ownerId: 'x' }, (db) => rowsOf(db, table))).toHaveLength(2);
    if (['agent_memory', 'handoff'].includes(table)) return; // which it does not read
    expect(await rowsOf(orchestrator, table)).toHaveLength(2);
  });
});

test("an update that forgets its filter changes the named owner's tasks alone; what only reads cannot write", async () => {
  const ann = { role: 'submitter', ownerId: A.owner } as const;
  const changed = await owned.write(ann, (trx) =>
    text(trx, 'update task set version = version + 1 returning id::text as row'),
  );
  expect(changed.rows).toEqual([{ row: A.task }]);
  await expect(
    owned.write(ann, (trx) => text(trx, `update attempt set verdict = 'x' returning 1`)),
  ).resolves.toMatchObject({
    rows: [{}],
  });
  const writing = owned.read(ann, (db) => text(db, 'update task set version = 9'));
  await expect(writing).rejects.toThrow(/read-only transaction/);
});

test("nobody can submit in another owner's name, or hand a task over", async () => {
  const insert = `insert into task (id, owner_id, type, status, spec, data)
    values ('01900000-0000-7000-8000-0000000000ff', '${B.owner}', 't', 'accepted', '{}', '{}')`;
  const ann = { role: 'submitter', ownerId: A.owner } as const;
  await expect(owned.write(ann, (trx) => text(trx, insert))).rejects.toThrow(/row-level security/);
  await expect(text(api, insert)).rejects.toThrow(/row-level security/);
  await expect(owned.write(ann, (trx) => text(trx, `update task set owner_id = 'bob'`))).rejects.toThrow(
    /permission denied/,
  );
});

describe('a pool', () => {
  test.each(['task', 'subtask', 'attempt', 'agent_message'])(
    'sees of %s what it was awarded or told, and nothing else',
    async (table) => {
      const columns = table === 'task' ? 'id, type, spec, data, team' : '*';
      const { rows } = await text(poolA, `select x::text as row from (select ${columns} from ${table}) x`);
      expect(rows).toHaveLength(1);
      expect(JSON.stringify(rows)).toContain(A.task);
    },
  );

  test('sees a task of which one of its agents got a message, and no more of it', async () => {
    const poolB = as({ pool: B.pool });
    const toB = `insert into agent_message (id, task_id, subtask_id, from_agent, to_agent, topic)
      values ('01900000-0000-7000-8000-0000000000aa', '${A.task}', '${A.task}-0', '${A.agent}', '${B.agent}', 't')`;
    await text(poolA, toB);
    expect((await text(poolB, 'select id::text as row from task order by 1')).rows).toEqual([
      { row: A.task },
      { row: B.task },
    ]);
    expect(await rowsOf(poolB, 'attempt')).toHaveLength(1);
    await sql`delete from agent_message where id = '01900000-0000-7000-8000-0000000000aa'`.execute(database.db);
  });

  test("cannot claim another pool's attempt, under its own name or that of the other", async () => {
    const id = { subtaskId: `${B.task}-0`, epoch: 1 };
    expect(await claimAttempts(poolA, [id], { id: 'r', pool: A.pool }, 1_000)).toEqual([]);
    expect(await claimAttempts(poolA, [id], { id: 'r', pool: B.pool }, 1_000)).toEqual([]);
    // without row-level security, the name alone decides
    expect(await claimAttempts(database.db, [id], { id: 'r', pool: A.pool }, 1_000)).toEqual([]);
    expect(await claimAttempts(as({ pool: B.pool }), [id], { id: 'r', pool: B.pool }, 1_000)).toHaveLength(1);
  });

  test("cannot speak in the name of another pool's agent", async () => {
    const forged = `insert into agent_message (id, task_id, subtask_id, from_agent, topic)
      values (gen_random_uuid(), '${A.task}', '${A.task}-0', '${B.agent}', 't')`;
    await expect(text(poolA, forged)).rejects.toThrow(/row-level security/);
  });
});

describe('a role is refused what is not its work', () => {
  const REFUSED: Record<string, string[]> = {
    api: [
      'update ledger set delta = 9',
      'delete from ledger',
      'truncate ledger',
      'update event set data = null',
      'delete from event',
      'delete from task',
      'update round set receipt = null',
      'update agent set reputation = 150',
      'insert into replica (id, pool) values (1, 1)',
      'update audit set actor = null',
      'delete from audit',
      'truncate audit',
      "update agent_message set topic = 'x'",
      "update api_key set role = 'admin'",
      'delete from api_key',
      'create table x (y int)',
      'set row_security = off; select * from task',
    ],
    orchestrator: [
      'select * from api_key',
      'insert into api_key (id) values (1)',
      'select * from agent_memory',
      'update audit set actor = null',
      'update task set owner_id = null',
      'update task set spec = null',
      'update ledger set delta = 9',
      'delete from ledger',
      'update attempt set value = null',
      'update agent set skills = null',
      'delete from event',
      'update skill set checks = null',
      'create table x (y int)',
    ],
    keeper: [
      'select hash from api_key',
      'insert into api_key (id) values (1)',
      "update task set status = 'completed'",
      'update ledger set delta = 9',
      'delete from ledger',
      'delete from event',
      'delete from audit',
      'update agent set reputation = 150',
      'create table x (y int)',
    ],
    pool: [
      'select * from api_key',
      'select * from audit',
      'select * from ledger',
      'select * from event',
      'select * from round',
      'select * from opening',
      'select * from feedback',
      'select version from task',
      'select owner_id from idempotency',
      'select * from handoff',
      "insert into tool (name, version, body) values ('a', 1, '{}')",
      'update task set status = null',
      'update subtask set status = null',
      "update attempt set verdict = 'accepted'",
      'update attempt set closed_at = null',
      'update attempt set pool = null',
      'insert into attempt (subtask_id) values (1)',
      'delete from attempt',
      'update agent set reputation = 150',
      "update agent set status = 'active'",
      'delete from agent',
      'insert into outbox (queue) values (1)',
      'insert into ledger (agent_id) values (1)',
      'insert into skill (id) values (1)',
      'create table x (y int)',
    ],
  };
  const cases = Object.entries(REFUSED).flatMap(([role, statements]) => statements.map((one) => [role, one] as const));

  test.each(cases)('%s: %s', async (role, statement) => {
    const db = { api, orchestrator, keeper, pool: poolA }[role] ?? api;
    await expect(text(db, statement)).rejects.toThrow(/permission denied|row-level security|append-only/);
  });
});
