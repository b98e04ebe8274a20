import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import type { Logger } from '../observability/logger.ts';
import type { Tables } from './tables.ts';

export type Database = Kysely<Tables>;
export type Trx = Transaction<Tables>;

const INT8 = 20;
const NUMERIC = 1700;

/** Counters here stay far below 2^53, so bigint and numeric are read as numbers; for our pools only, not for BullMQ's. */
const numberTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 || oid === NUMERIC
      ? Number
      : pg.types.getTypeParser(oid as never, format as never)) as typeof pg.types.getTypeParser,
};

export interface DatabaseOptions {
  url: string;
  maxConnections: number;
  applicationName: string;
  logger: Logger;
}

/**
 * A pool of connections with the time-outs that keep one slow or dead peer from holding up the rest. Both listeners are
 * needed: a connection that dies while checked out emits its error on the client, not on the pool (node-postgres #2439).
 */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections,
    application_name: options.applicationName,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 10_000,
    query_timeout: 12_000,
    lock_timeout: 5_000,
    idle_in_transaction_session_timeout: 10_000,
    keepAlive: true,
    types: numberTypes,
  });
  const onError = (error: Error) => options.logger.warn({ err: error }, 'a PostgreSQL connection broke');
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}
