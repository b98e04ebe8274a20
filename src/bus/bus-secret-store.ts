import type { Database } from '../db/database.ts';

/** The market's secret that the database keeps, for a process that was configured without one. */
export async function readBusSecret(db: Database): Promise<string> {
  return (await db.selectFrom('bus_secret').select('secret').executeTakeFirstOrThrow()).secret;
}
