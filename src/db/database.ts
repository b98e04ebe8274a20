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

/** In the place of an owner's id: no owner has this one. */
const ALL_OWNERS = '*';

/** Whose rights a connection has, and what it may see: see the migration `roles`. */
export type DatabaseRole =
  /** Sees nothing until a transaction names an owner. */
  | 'api'
  /** The API's, for what is the same whoever asks, and for admins: sees the rows of all owners. */
  | 'api for all owners'
  | 'orchestrator'
  /** Deletes what is old, and exports and deletes an owner's data: sees the rows of all owners. */
  | 'keeper'
  | { pool: string };

export interface DatabaseOptions {
  url: string;
  /** Undefined: the rights of the user in `url`. */
  role?: DatabaseRole | undefined;
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
const PLAN_FOR_LARGE_TABLES = {
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_material: 'off',
};

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

function settingsOf(role: DatabaseRole | undefined): Record<string, string> {
  if (role === undefined) return {};
  if (role === 'api for all owners') return { role: 'swarmbid_api', 'swarmbid.owner': ALL_OWNERS };
  return typeof role === 'string'
    ? { role: `swarmbid_${role}` }
    : { role: 'swarmbid_pool', 'swarmbid.pool': role.pool };
}

/** `url` with settings that hold from the first moment of a connection, at no round trip of their own. They win over its own. */
export function withSettings(url: string, settings: Record<string, string>): string {
  const changed = new URL(url);
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  changed.searchParams.set('options', [changed.searchParams.get('options') ?? '', ...options].join(' ').trim());
  return changed.href;
}

/** A pool of connections with the time-outs that keep one slow or dead peer from holding up the rest. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: withSettings(options.url, {
      ...settingsOf(options.role),
      ...(options.statements === 'free' ? {} : PLAN_FOR_LARGE_TABLES),
    }),
    max: options.maxConnections,
    application_name: options.applicationName,
    connectionTimeoutMillis: 2_000,
    statement_timeout: 5_000,
    query_timeout: 6_000,
    lock_timeout: 2_000,
    idle_in_transaction_session_timeout: 5_000,
    // A new connection costs 10 ms and plans every statement anew: it is worth keeping through a quiet minute.
    idleTimeoutMillis: 300_000,
    keepAlive: true,
    pipeline: true,
    types: numberTypes,
  });
  watchConnections(pool, options.logger);
  if (options.statements !== 'free') nameRepeatedStatements(pool);
  return new Kysely<Tables>({ dialect: new PipelinedDialect({ pool }) });
}
