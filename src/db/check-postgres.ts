import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { sql } from 'kysely';
import type { Logger } from '../observability/logger.ts';
import { openDatabase, type Database } from './database.ts';
import { pendingMigrations } from './migrator.ts';
import { postgresPrograms } from './postgres-programs.ts';

export interface PostgresState {
  /** As the server names itself: `18.4`. */
  version: string;
  /** The server's major version. */
  majorVersion: number;
  /** True for a standby, which refuses every write. */
  readOnly: boolean;
  /** Migrations that are not applied, oldest first. */
  pending: string[];
}

/** Asks the server at `url` for its state; changes nothing. @throws the driver's error when it does not answer */
export async function checkPostgres(url: string, logger: Logger): Promise<PostgresState> {
  const db = openDatabase({ url, maxConnections: 1, applicationName: 'swarmbid-doctor', logger });
  try {
    const server = await readServer(db);
    return { ...server, pending: await pendingMigrations(db as never) };
  } finally {
    await db.destroy();
  }
}

async function readServer(db: Database): Promise<Omit<PostgresState, 'pending'>> {
  const { rows } = await sql<{ version: string; number: string; readOnly: boolean }>`
    select current_setting('server_version') as version, current_setting('server_version_num') as number,
      pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean as "readOnly"`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('the server answered without a row');
  return { version: row.version, majorVersion: Math.floor(Number(row.number) / 10_000), readOnly: row.readOnly };
}

/** The version of the programs that embedded mode starts. @throws Error that says what to install where they are missing */
export async function checkEmbeddedPostgres(): Promise<string> {
  const { postgres } = await postgresPrograms(undefined);
  const { stdout } = await promisify(execFile)(postgres, ['--version'], { timeout: 10_000 });
  return stdout.trim();
}
