import pg from 'pg';
import type { Logger } from '../observability/logger.ts';
import { watchConnections, withSettings } from './database.ts';

/** The schema that BullMQ's tables live in; dropping it costs seconds, never a fact. */
export const QUEUE_SCHEMA = 'bullmq';

/**
 * Connections for BullMQ's PostgreSQL backend. It waits for no disk at a commit: what a crash loses here is dispatched
 * again from the market's own tables.
 */
export function openQueuePool(url: string, maxConnections: number, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    connectionString: withSettings(url, {
      role: 'swarmbid_queue',
      search_path: QUEUE_SCHEMA,
      synchronous_commit: 'off',
    }),
    max: maxConnections,
    application_name: 'swarmbid queues',
    connectionTimeoutMillis: 2_000,
    query_timeout: 6_000,
    statement_timeout: 5_000,
    keepAlive: true,
  });
  watchConnections(pool, logger);
  return pool;
}
