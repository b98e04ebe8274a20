/**
 * An owner's data: all of it out, or all of it gone.
 *
 *  1. Both go in small steps, each a statement of its own: memory and locks are bounded, whatever the owner has stored.
 *  2. What a deletion has not come to yet is found by the next one: every step may be repeated.
 *  3. The ledger keeps its entries, since reputations are their sum; their `owner_id` becomes empty, which no owner is named.
 *  4. An export ends with a line of kind `end`. One that lacks it was broken off.
 */
import { sql, type RawBuilder } from 'kysely';
import type { Principal } from '../contracts/access.ts';
import type { OwnerData, OwnerDeletion } from '../contracts/owner-data.ts';
import { isFinal, TASK_STATUSES } from '../contracts/task.ts';
import { auditEntry } from '../db/audit-entry.ts';
import type { Database } from '../db/database.ts';
import type { TaskStore } from './task-store.ts';

const TASKS_AT_ONCE = 50;
const LEDGER_IDS_AT_ONCE = 20_000;
const FINAL = TASK_STATUSES.filter(isFinal);

/** What hangs on a task, in which order, and how many rows of it are held at once: an attempt may carry a megabyte. */
const TABLES_OF_TASKS = [
  { table: 'subtask', order: sql`task_id, ord`, rows: 200 },
  { table: 'round', order: sql`task_id, round`, rows: 50 },
  { table: 'attempt', order: sql`task_id, subtask_id, epoch`, rows: 8 },
  { table: 'event', order: sql`task_id, seq`, rows: 200 },
  { table: 'agent_message', order: sql`task_id, id`, rows: 20 },
  { table: 'handoff', order: sql`task_id, id`, rows: 200 },
  { table: 'feedback', order: sql`task_id, subtask_id`, rows: 200 },
];

export interface OwnerDataDeps {
  /** Of the role `keeper`. */
  db: Database;
  /** By which open tasks are cancelled. */
  tasks: TaskStore;
  /** Revokes the owner's keys and returns how many there were. */
  revokeKeys: (principal: Principal, ownerId: string) => Promise<number>;
}

export function createOwnerData({ db, tasks, revokeKeys }: OwnerDataDeps): OwnerData {
  return {
    async export(principal, ownerId) {
      await auditEntry(principal, 'owner.exported', ownerId).execute(db);
      return exportLines(db, ownerId);
    },
    async delete(principal, ownerId): Promise<OwnerDeletion> {
      await auditEntry(principal, 'owner.deletion_begun', ownerId).execute(db);
      const keysRevoked = await revokeKeys(principal, ownerId);
      const tasksCancelled = await cancelOpenTasks(db, tasks, ownerId);
      const tasksDeleted = await untilNone(() => deleteTasks(db, ownerId));
      await untilNone(() => deleteKeysOfRequests(db, ownerId));
      const memoriesDeleted = await untilNone(() => deleteMemories(db, ownerId));
      const ledgerEntries = await disownLedger(db, ownerId);
      const done = { keysRevoked, tasksCancelled, tasksDeleted, memoriesDeleted, ledgerEntries };
      await auditEntry(principal, 'owner.deleted', ownerId, done).execute(db);
      return { ownerId, ...done };
    },
  };
}

async function untilNone(step: () => Promise<number>): Promise<number> {
  let sum = 0;
  for (let count = await step(); count > 0; count = await step()) sum += count;
  return sum;
}

async function cancelOpenTasks(db: Database, tasks: TaskStore, ownerId: string): Promise<number> {
  let cancelled = 0;
  for (let after: string | undefined; ;) {
    const open = await db
      .selectFrom('task')
      .select('id')
      .where('owner_id', '=', ownerId)
      .where('status', 'not in', FINAL)
      .where((eb) => (after === undefined ? eb.lit(true) : eb('id', '<', after)))
      .orderBy('id', 'desc')
      .limit(TASKS_AT_ONCE)
      .execute();
    after = open.at(-1)?.id;
    if (after === undefined) return cancelled;
    await tasks.transact(
      open.map((task) => task.id),
      () => ({
        commands: open.map(({ id: taskId }) => ({
          taskId,
          command: { kind: 'cancel' },
          onDecided: (refusal) => (cancelled += refusal === undefined ? 1 : 0),
        })),
      }),
    );
  }
}

async function deleteTasks(db: Database, ownerId: string): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    with ended as materialized (
      select id from task where owner_id = ${ownerId} and status = any(${FINAL}::text[])
      order by id limit ${TASKS_AT_ONCE} for update
    )
    delete from task using ended where task.id = ended.id`.execute(db);
  return Number(numAffectedRows);
}

async function deleteKeysOfRequests(db: Database, ownerId: string): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from idempotency i using (
      select owner_id, key from idempotency k where owner_id = ${ownerId}
        and not exists (select from task where task.id = k.task_id) limit 1000) gone
    where i.owner_id = gone.owner_id and i.key = gone.key`.execute(db);
  return Number(numAffectedRows);
}

async function deleteMemories(db: Database, ownerId: string): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from agent_memory m using (select id from agent_memory where owner_id = ${ownerId} limit 1000) gone
    where m.id = gone.id`.execute(db);
  return Number(numAffectedRows);
}

/** Invariant 3. By stretches of ids: no index on the owner is worth its cost to every settlement. */
async function disownLedger(db: Database, ownerId: string): Promise<number> {
  let disowned = 0n;
  for await (const stretch of ledgerStretches(db)) {
    const { numAffectedRows = 0n } = await sql`
      update ledger set owner_id = '' where ${stretch} and owner_id = ${ownerId}`.execute(db);
    disowned += numAffectedRows;
  }
  return Number(disowned);
}

async function* ledgerStretches(db: Database): AsyncGenerator<RawBuilder<boolean>> {
  const { rows } = await sql<{ first: number | null; last: number | null }>`
    select (select min(id) from ledger) as first, (select max(id) from ledger) as last`.execute(db);
  const { first, last } = rows[0] ?? {};
  if (typeof first !== 'number' || typeof last !== 'number') return;
  for (let from = first; from <= last; from += LEDGER_IDS_AT_ONCE) {
    yield sql<boolean>`id >= ${from}::bigint and id < ${from + LEDGER_IDS_AT_ONCE}::bigint`;
  }
}

type Row = Record<string, unknown>;

/** Lines of JSON, several to a chunk. */
async function* exportLines(db: Database, ownerId: string): AsyncGenerator<string> {
  let records = 0;
  const lines = (kind: string, rows: readonly Row[]) => {
    records += rows.length;
    return rows.map((row) => `${JSON.stringify({ kind, ...camelCased(row) })}\n`).join('');
  };
  const keys = db.selectFrom('api_key').select(['id', 'role', 'name', 'owner_id', 'created_at', 'revoked_at']);
  yield lines('key', await keys.where('owner_id', '=', ownerId).orderBy('id').execute());
  for await (const tasks of pagesOfTasks(db, ownerId)) {
    yield lines('task', tasks);
    for (const { table, ...of } of TABLES_OF_TASKS) {
      const where = sql`task_id = any(${tasks.map((task) => task.id)}::uuid[])`;
      for await (const rows of pages(db, table, where, of)) yield lines(table, rows);
    }
  }
  for await (const rows of memories(db, ownerId)) yield lines('agent_memory', rows);
  for await (const stretch of ledgerStretches(db)) {
    const where = sql`${stretch} and owner_id = ${ownerId}`;
    for await (const rows of pages(db, 'ledger', where, { order: sql`id`, rows: 500 })) yield lines('ledger', rows);
  }
  yield `${JSON.stringify({ kind: 'end', records })}\n`;
}

async function* pagesOfTasks(db: Database, ownerId: string): AsyncGenerator<Row[]> {
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const { rows } = await sql<{ row: Row & { id: string } }>`
      select to_jsonb(t) as row from task t where owner_id = ${ownerId} and id > ${after}::uuid order by id limit 8`.execute(
      db,
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.row.id;
    yield rows.map(({ row }) => row);
  }
}

async function* memories(db: Database, ownerId: string): AsyncGenerator<Row[]> {
  const columns = ['id', 'agent_id', 'owner_id', 'text', 'task_id', 'subtask_id', 'at'] as const;
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const page = db.selectFrom('agent_memory').select(columns).where('owner_id', '=', ownerId).where('id', '>', after);
    const rows = await page.orderBy('id').limit(100).execute();
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
    yield rows;
  }
}

/** Of few enough rows that skipping them again costs less than a cursor held open over a slow reader. */
async function* pages(
  db: Database,
  table: string,
  where: RawBuilder<unknown>,
  of: { order: RawBuilder<unknown>; rows: number },
): AsyncGenerator<Row[]> {
  for (let offset = 0; ; offset += of.rows) {
    const { rows } = await sql<{ row: Row }>`
      select to_jsonb(t) as row from ${sql.table(table)} t where ${where}
      order by ${of.order} limit ${of.rows} offset ${offset}`.execute(db);
    if (rows.length > 0) yield rows.map(({ row }) => row);
    if (rows.length < of.rows) return;
  }
}

/** Columns as the API names its fields; what is inside of a column stays as it was stored. */
function camelCased(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}
