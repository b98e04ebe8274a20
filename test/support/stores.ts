import { sql } from 'kysely';
import pg from 'pg';
import { openDatabase, type Database } from '../../src/db/database.ts';
import { migrateToLatest } from '../../src/db/migrator.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { uuidv7 } from '../../src/util/uuid.ts';

export { startRedis } from './redis-server.ts';

const TEMPLATE = 'swarmbid_template';

export interface TestDatabase {
  url: string;
  db: Database;
  /** Closes `db`, ends whatever else is connected, and removes the database. */
  drop(): Promise<void>;
}

/** Migrates a database once, to be copied by `createTestDatabase`. */
export async function createTemplateDatabase(postgresUrl: string): Promise<void> {
  await administer(postgresUrl, `create database ${TEMPLATE}`);
  const db = openTestDatabase(withDatabase(postgresUrl, TEMPLATE));
  await migrateToLatest(db as never);
  await db.destroy();
}

/** A fresh, migrated database on the server of `postgresUrl`. */
export async function createTestDatabase(postgresUrl: string): Promise<TestDatabase> {
  const name = `test_${uuidv7().replaceAll('-', '')}`;
  await administer(postgresUrl, `create database ${name} template ${TEMPLATE}`);
  // A template's grants on the database itself are not copied.
  await administer(postgresUrl, `grant create on database ${name} to swarmbid_queue`);
  const url = withDatabase(postgresUrl, name);
  const db = openTestDatabase(url);
  return {
    url,
    db,
    drop: async () => {
      await db.destroy();
      await administer(postgresUrl, `drop database ${name} with (force)`);
    },
  };
}

/** What no role of the market can do, and no trigger lets its owner do: a superuser goes round the triggers. */
export async function emptyAuditTrail(db: Database): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    await sql`delete from audit`.execute(trx);
  });
}

function openTestDatabase(url: string): Database {
  return openDatabase({ url, maxConnections: 8, applicationName: 'test', logger: createLogger('error') });
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
