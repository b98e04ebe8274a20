import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Resolves if PostgreSQL answers within `limitMs`. */
export async function pingDatabase(db: Database, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([sql`select 1`.execute(db), late]);
  } finally {
    clearTimeout(timer);
  }
}
