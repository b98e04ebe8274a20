import { createPostgresBackend, runMigrations, withBackend } from 'bullmq';
import { openQueuePool, QUEUE_SCHEMA } from '../db/queue-pool.ts';
import type { Logger } from '../observability/logger.ts';
import { KEEP_SECONDS, queueOptions, workerOptions, type BullmqBackend } from './bullmq-backend.ts';

const { Queue, Worker } = withBackend(createPostgresBackend);

type Pool = ReturnType<typeof openQueuePool>;

const PRODUCER_CONNECTIONS = 2;
/** Of each worker: one listens for jobs, the others take and finish them. */
const WORKER_CONNECTIONS = 4;

/** A bulk makes two temporary tables: 2 to 5 jobs took 10 to 19 ms, one alone 1.1 ms (medians on 2 cores, an idle queue). */
const BULK_FROM_JOBS = 10;

/** Not kept by number: for that the backend reads all finished jobs of the queue each time that one finishes. */
const keep = { age: KEEP_SECONDS };

/** SQLSTATEs of a schema, a table or a function that is not there: somebody dropped the schema. */
const MISSING = new Set(['3F000', '42P01', '42883']);

/** Queues share a small pool; each worker has one of its own. The tables are made where they are missing. */
export function postgresBackend(databaseUrl: string, leaseMs: number, logger: Logger): BullmqBackend {
  const producers = openQueuePool(databaseUrl, PRODUCER_CONNECTIONS, logger);
  const schema = new QueueSchema(producers, logger);
  const onError = (error: Error) => {
    logger.warn({ err: error }, 'a queue could not ask PostgreSQL');
    void schema.heal(error);
  };
  return {
    bulkFromJobs: BULK_FROM_JOBS,
    openQueue: async (name) => {
      await schema.ensure();
      const queue = new Queue(name, { ...queueOptions, connection: producers });
      queue.on('error', onError);
      await queue.waitUntilReady();
      return queue;
    },
    openWorker: async (name, concurrency, process) => {
      await schema.ensure();
      const pool = openQueuePool(databaseUrl, WORKER_CONNECTIONS, logger);
      const options = { ...workerOptions(leaseMs), removeOnComplete: keep, concurrency };
      const worker = new Worker(name, process, { ...options, connection: pool });
      worker.on('error', onError);
      await worker.waitUntilReady();
      return {
        close: () => worker.close().then(() => end(pool)),
        abandon: () => worker.disconnect().then(() => end(pool)),
      };
    },
    heal: (error) => schema.heal(error),
    close: () => producers.end(),
  };
}

async function end(pool: Pool): Promise<void> {
  if (!pool.ending) await pool.end();
}

class QueueSchema {
  readonly #pool: Pool;
  readonly #logger: Logger;
  #made: Promise<void> | undefined;

  constructor(pool: Pool, logger: Logger) {
    this.#pool = pool;
    this.#logger = logger;
  }

  /** Resolves when BullMQ's tables are there and up to date; asks the server once. */
  ensure(): Promise<void> {
    this.#made ??= this.#make().catch((error: unknown) => {
      this.#made = undefined;
      throw error;
    });
    return this.#made;
  }

  /** True if `error` said that the tables are missing, and they are there again. */
  async heal(error: unknown): Promise<boolean> {
    if (!(error instanceof Error && 'code' in error && MISSING.has(String(error.code)))) return false;
    this.#made = undefined;
    try {
      await this.ensure();
      return true;
    } catch (cause) {
      this.#logger.warn({ err: cause }, "the queues' tables could not be made again");
      return false;
    }
  }

  async #make(): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await runMigrations(client, QUEUE_SCHEMA);
    } finally {
      client.release();
    }
  }
}
