import { Redis } from 'ioredis';
import pg from 'pg';
import { createJobQueues, type JobQueues } from '../../src/bus/index.ts';
import { QUEUE_SCHEMA } from '../../src/db/queue-pool.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createTestDatabase, startRedis } from './stores.ts';

/** A store of jobs that a test can empty and break. */
export interface QueueAdapter {
  /** One process's queues. */
  open(): JobQueues;
  /** Everything that BullMQ keeps is gone. */
  wipe(): Promise<void>;
  /** Ends every connection and lets none in. */
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

const logger = createLogger('silent');
const DEADLOCK_DETECTED = '40P01';

export async function redisQueueAdapter(): Promise<QueueAdapter> {
  let server = await startRedis();
  const { url: redisUrl, port } = server;
  return {
    open: () => createJobQueues({ redisUrl }, logger),
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
    open: () => createJobQueues({ databaseUrl: database.url }, logger),
    wipe: dropSchema,
    goDown: async () => {
      await ask(postgresUrl, `alter database ${name} allow_connections false`);
      await ask(postgresUrl, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    },
    comeBack: () => ask(postgresUrl, `alter database ${name} allow_connections true`),
    stop: () => database.drop(),
  };
}
