import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Database } from './database.ts';

const PAGE = 1_000;

export interface AuditChain {
  /** Rows that hold, from the first one on. */
  entries: number;
  /** Hash of the last of them, in hex: noted elsewhere, it also shows rows that were cut off the end. Null for an empty trail. */
  head: string | null;
  /** The first row that does not hold, and why; null if all do. */
  broken: { seq: number; fault: string } | null;
}

interface Row {
  seq: number;
  prevHash: Buffer;
  hash: Buffer;
  content: string;
}

/**
 * Reads the audit trail from its beginning and computes every hash anew, in this process: functions and triggers of the
 * database are not believed.
 */
export async function verifyAuditChain(db: Database): Promise<AuditChain> {
  let entries = 0;
  let last: Buffer = Buffer.alloc(0);
  const chain = (broken: AuditChain['broken']): AuditChain => ({
    entries,
    head: entries === 0 ? null : last.toString('hex'),
    broken,
  });
  for (;;) {
    const page = await readPage(db, entries);
    for (const row of page) {
      const fault = faultOf(row, entries + 1, last);
      if (fault !== null) return chain({ seq: row.seq, fault });
      entries = row.seq;
      last = row.hash;
    }
    if (page.length < PAGE) return chain(null);
  }
}

async function readPage(db: Database, after: number): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select seq, prev_hash as "prevHash", hash,
      jsonb_build_array(seq, extract(epoch from at), actor, action, target, details)::text as content
    from audit where seq > ${after} order by seq limit ${PAGE}`.execute(db);
  return rows;
}

function faultOf(row: Row, expectedSeq: number, expectedPrevHash: Buffer): string | null {
  if (row.seq !== expectedSeq) return `it follows row ${expectedSeq - 1}: what stood between was removed`;
  if (!row.prevHash.equals(expectedPrevHash)) return 'it does not follow from the row before it';
  const hash = createHash('sha256').update(row.prevHash).update(row.content, 'utf8').digest();
  return row.hash.equals(hash) ? null : 'its content is not what was written';
}
