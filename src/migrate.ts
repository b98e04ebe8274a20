import type { Config } from './config.ts';
import { openDatabase } from './db/database.ts';
import { startEmbeddedPostgres } from './db/embedded-postgres.ts';
import { migrateDown, migrateToLatest, pendingMigrations } from './db/migrator.ts';
import { createLogger, type Logger } from './observability/logger.ts';
import { persist } from './util/store-failure.ts';

export interface MigrationReport {
  /** `embedded`: the server of our own under the data directory, started for this and stopped again. */
  database: 'embedded' | 'configured';
  /** Names of the migrations that were applied or undone, in that order. */
  migrations: string[];
}

/**
 * Applies every migration that is not applied yet, or undoes all. One process at a time: others wait.
 * @throws Error when the database does not answer, or the embedded server is in use by a running market
 */
export async function migrate(config: Config, direction: 'up' | 'down'): Promise<MigrationReport> {
  const logger = createLogger(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const url = config.migrationUrl ?? config.databaseUrl;
  if (url !== undefined) return { database: 'configured', migrations: await migrateAt(url, direction, logger) };
  const server = await startEmbeddedPostgres({ dataDir: config.dataDir, logger });
  try {
    return { database: 'embedded', migrations: await migrateAt(server.url, direction, logger) };
  } finally {
    await server.stop();
  }
}

async function migrateAt(url: string, direction: 'up' | 'down', logger: Logger): Promise<string[]> {
  const db = openDatabase({ url, maxConnections: 2, applicationName: 'swarmbid-migrate', logger });
  try {
    return await (direction === 'up' ? migrateToLatest : migrateDown)(db as never);
  } finally {
    await db.destroy();
  }
}

/** For a market that starts, perhaps while PostgreSQL is coming up: waits for it. */
export async function migrateWhenUp(url: string, logger: Logger): Promise<void> {
  await persist(
    () => migratePending(url, logger),
    (error) => logger.warn({ err: error }, 'PostgreSQL does not answer; waiting for it'),
  );
}

/** A role that owns nothing may look, which is enough where there is nothing to do. */
async function migratePending(url: string, logger: Logger): Promise<void> {
  const db = openDatabase({ url, maxConnections: 2, applicationName: 'swarmbid-migrate', logger });
  try {
    if ((await pendingMigrations(db as never)).length > 0) await migrateToLatest(db as never);
  } finally {
    await db.destroy();
  }
}
