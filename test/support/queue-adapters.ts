import { Redis } from 'ioredis';
import pg from 'pg';
import { createJobQueues, type BusKeys, type JobQueues } from '../../src/bus/index.ts';
import { QUEUE_SCHEMA } from '../../src/db/queue-pool.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import { marketKeys } from './bus-adapters.ts';
import { createTestDatabase, startRedis } from './stores.ts';

/** A store of jobs that a test can empty and break. */
export interface QueueAdapter {
  /** One process's queues, with the market's keys unless others are given. */
  open(keys?: BusKeys): JobQueues;
  /** What all of its queues counted as dropped. */
  readonly metrics: Metrics;
  /** Everything that BullMQ keeps is gone. */
  wipe(): Promise<void>;
  /** Ends every connection and lets none in. */
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

const logger = createLogger('silent');
const LEASE_MS = 10_000;
const DEADLOCK_DETECTED = '40P01';

export async function redisQueueAdapter(): Promise<QueueAdapter> {
  const metrics = createMetrics();
  let server = await startRedis();
  const { url: redisUrl, port } = server;
  return {
    open: (keys = marketKeys) => createJobQueues({ redisUrl }, { keys, leaseMs: LEASE_MS, logger, metrics }),
    metrics,
    wipe: async () => {
      const admin = new Redis(redisUrl);
      await admin.flushall();
      admin.disconnect();
    },
    goDown: () => server.stop(),
    comeBack: async () => {
      server = await startRedis({ port });
    },
    stop: () => server.stop(),
  };
}

export async function postgresQueueAdapter(postgresUrl: string): Promise<QueueAdapter> {
  const metrics = createMetrics();
  const database = await createTestDatabase(postgresUrl);
  const name = new URL(database.url).pathname.slice(1);
  const ask = async (url: string, statement: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  /** A worker that finishes a job at this moment holds locks in another order: then once more. */
  const dropSchema = async (): Promise<void> => {
    try {
      await ask(database.url, `drop schema ${QUEUE_SCHEMA} cascade`);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError && error.code === DEADLOCK_DETECTED)) throw error;
      await dropSchema();
    }
  };
  return {
    open: (keys = marketKeys) =>
      createJobQueues({ databaseUrl: database.url }, { keys, leaseMs: LEASE_MS, logger, metrics }),
    metrics,
    wipe: dropSchema,
    goDown: async () => {
      await ask(postgresUrl, `alter database ${name} allow_connections false`);
      await ask(postgresUrl, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    },
    comeBack: () => ask(postgresUrl, `alter database ${name} allow_connections true`),
    stop: () => database.drop(),
  };
}
