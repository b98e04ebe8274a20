import { Kysely, type Transaction } from 'kysely';
import pg from 'pg';
import type { Logger } from '../observability/logger.ts';
import { PipelinedDialect } from './pipelined-dialect.ts';
import { nameRepeatedStatements } from './prepared-statements.ts';
import type { Tables } from './tables.ts';

export type Database = Kysely<Tables>;
export type Trx = Transaction<Tables>;

/** Counters here stay far below 2^53, so bigint and numeric are read as numbers; in our pools only, not in BullMQ's. */
const numberTypes = new pg.TypeOverrides();
numberTypes.setTypeParser(pg.types.builtins.INT8, Number);
numberTypes.setTypeParser(pg.types.builtins.NUMERIC, Number);

export interface DatabaseOptions {
  url: string;
  maxConnections: number;
  applicationName: string;
  logger: Logger;
  /**
   * `keyed`: statements touch few rows, by their keys, again and again; they are prepared, and planned for large tables.
   * `free`: each statement is planned by itself, for the tables as they are. Default `keyed`.
   */
  statements?: 'keyed' | 'free';
}

/**
 * A prepared statement keeps its plan. One made while the tables were small would go on to read them whole: at 9,000 tasks that
 * made every transaction 5 to 10 ms longer. Whatever a keyed statement can find by an index, it does.
 */
const PLAN_FOR_LARGE_TABLES = 'set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off';

/**
 * Logs connections that break, but for those of a pool that is being closed. Both listeners are needed: a connection that
 * dies while checked out emits its error on the client, not on the pool (node-postgres #2439), and would end the process.
 */
export function watchConnections(pool: pg.Pool, logger: Logger): void {
  const onError = (error: Error & { code?: string }) => {
    if (!pool.ending) logger.warn({ code: error.code, reason: error.message }, 'a PostgreSQL connection broke');
  };
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
}

/** A pool of connections with the time-outs that keep one slow or dead peer from holding up the rest. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections,
    application_name: options.applicationName,
    connectionTimeoutMillis: 2_000,
    statement_timeout: 5_000,
    query_timeout: 6_000,
    lock_timeout: 2_000,
    idle_in_transaction_session_timeout: 5_000,
    keepAlive: true,
    pipeline: true,
    types: numberTypes,
  });
  watchConnections(pool, options.logger);
  if (options.statements !== 'free') {
    // a connection on which this fails is broken: what is sent behind it tells
    pool.on('connect', (client) => void client.query(PLAN_FOR_LARGE_TABLES).catch(() => undefined));
    nameRepeatedStatements(pool);
  }
  return new Kysely<Tables>({ dialect: new PipelinedDialect({ pool }) });
}
