import type { Kysely } from 'kysely';
import type { AuditEntry, Principal } from '../contracts/access.ts';
import { decodeCursor, pageOf } from '../contracts/page-cursor.ts';
import type { AuditLog, PageQuery } from '../contracts/services.ts';
import type { Page } from '../contracts/primitives.ts';
import type { Database, Trx } from '../db/database.ts';
import type { Tables } from '../db/tables.ts';

/** An audit log whose entry can be part of the transaction that it tells of: neither exists without the other. */
export interface TransactionalAuditLog extends AuditLog {
  recordIn(
    trx: Trx,
    actor: Principal,
    action: string,
    target: string | null,
    details?: Record<string, unknown>,
  ): Promise<void>;
}

/** The append-only record of who did what. An actor is a key's id, `env` for the key of the environment, or `local`. */
export function createAuditLog(deps: { db: Database }): TransactionalAuditLog {
  const { db } = deps;
  return {
    record: (actor, action, target, details) => insertEntry(db, actor, action, target, details),
    recordIn: (trx, actor, action, target, details) => insertEntry(trx, actor, action, target, details),
    list: (query) => listEntries(db, query),
  };
}

async function insertEntry(
  db: Kysely<Tables>,
  actor: Principal,
  action: string,
  target: string | null,
  details: Record<string, unknown> = {},
): Promise<void> {
  const values = { actor: actor.keyId ?? actor.ownerId, action, target, details: JSON.stringify(details) };
  await db.insertInto('audit').values(values).execute();
}

async function listEntries(db: Database, query: PageQuery): Promise<Page<AuditEntry>> {
  const before = decodeCursor(query.cursor, /^\d{1,15}$/);
  let select = db
    .selectFrom('audit')
    .selectAll()
    .orderBy('seq', 'desc')
    .limit(query.limit + 1);
  if (before !== undefined) select = select.where('seq', '<', Number(before));
  const rows = await select.execute();
  return pageOf(
    rows,
    query.limit,
    (row) => ({ ...row, at: row.at.toISOString() }),
    (row) => String(row.seq),
  );
}
