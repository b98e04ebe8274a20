import type { AuditEntry } from '../contracts/access.ts';
import { decodeCursor, pageOf } from '../contracts/page-cursor.ts';
import type { AuditLog, PageQuery } from '../contracts/services.ts';
import type { Page } from '../contracts/primitives.ts';
import type { Database } from '../db/database.ts';

/** The append-only record of who did what, for reading; it is written by `auditEntry` with what it tells of. */
export function createAuditLog(deps: { db: Database }): AuditLog {
  return { list: (query) => listEntries(deps.db, query) };
}

async function listEntries(db: Database, query: PageQuery): Promise<Page<AuditEntry>> {
  const before = decodeCursor(query.cursor, /^\d{1,15}$/);
  let select = db
    .selectFrom('audit')
    .select(['seq', 'at', 'actor', 'action', 'target', 'details', 'hash'])
    .orderBy('seq', 'desc')
    .limit(query.limit + 1);
  if (before !== undefined) select = select.where('seq', '<', Number(before));
  const rows = await select.execute();
  return pageOf(
    rows,
    query.limit,
    (row) => ({ ...row, at: row.at.toISOString(), hash: row.hash.toString('hex') }),
    (row) => String(row.seq),
  );
}
