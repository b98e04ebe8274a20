import { Queue, Worker, type Processor } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { Logger } from '../observability/logger.ts';
import {
  DRAIN_DELAY_SECONDS,
  KEEP_SECONDS,
  queueOptions,
  workerOptions,
  type BullmqBackend,
  type OpenWorker,
} from './bullmq-backend.ts';
import { QUEUE_PREFIX } from './names.ts';
import { COMMAND_TIMEOUT_MS, connectedWithin, endRedis, openRedis } from './redis-connection.ts';
import { openWatchedWorker } from './watched-worker.ts';

/** Completed jobs are kept by number too: they are memory. */
const keep = { age: KEEP_SECONDS, count: 10_000 };

/** Queues share a connection that fails at once; each worker has two that wait, one of them to block on. */
export function redisBackend(redisUrl: string, leaseMs: number, logger: Logger): BullmqBackend {
  const producer = openRedis(redisUrl, 'fast', logger);
  const onError = (error: Error) => logger.debug({ err: error }, 'a queue could not ask Redis');

  return {
    bulkFromJobs: 2,
    openQueue: async (name) => {
      if (!(await connectedWithin(producer, COMMAND_TIMEOUT_MS))) throw new Error('Redis does not answer');
      const queue = new Queue(name, { ...queueOptions, connection: producer, prefix: QUEUE_PREFIX });
      queue.on('error', onError);
      await queue.waitUntilReady();
      return queue;
    },
    openWorker: async (name, concurrency, process) => {
      const queue = new Queue(name, { ...queueOptions, connection: producer, prefix: QUEUE_PREFIX });
      queue.on('error', onError);
      const options = { ...workerOptions(leaseMs), concurrency };
      const watched = await openWatchedWorker({
        open: (watchedProcess) => openWorker(redisUrl, name, options, watchedProcess, logger),
        countWaiting: () => queue.getWaitingCount(),
        process,
        concurrency,
        periodMs: DRAIN_DELAY_SECONDS * 1_000,
        logger,
      });
      return { ...watched, close: () => watched.close().then(() => queue.close()) };
    },
    heal: () => Promise.resolve(false),
    close: async () => endRedis(producer),
  };
}

async function openWorker(
  redisUrl: string,
  name: string,
  options: ReturnType<typeof workerOptions> & { concurrency: number },
  process: Processor,
  logger: Logger,
): Promise<OpenWorker> {
  const clients = recordingDuplicates(openRedis(redisUrl, 'waiting', logger));
  const [connection] = clients;
  const place = { connection, prefix: QUEUE_PREFIX };
  const worker = new Worker(name, process, { ...options, removeOnComplete: keep, ...place });
  worker.on('error', (error: Error) => logger.debug({ err: error }, 'a worker could not ask Redis'));
  if (await connectedWithin(connection, COMMAND_TIMEOUT_MS)) await worker.waitUntilReady();
  return {
    close: async () => {
      await worker.close();
      endRedis(connection);
    },
    abandon: () => {
      clients.forEach(endRedis);
      return Promise.resolve();
    },
  };
}

/** `client` and, as a worker makes them, its copies: a worker keeps the one that it blocks on to itself. */
function recordingDuplicates<Client extends Redis | Cluster>(client: Client): [Client, ...(Redis | Cluster)[]] {
  const clients: [Client, ...(Redis | Cluster)[]] = [client];
  const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => Redis | Cluster;
  client.duplicate = (...args: unknown[]) => {
    const copy = duplicate(...args);
    clients.push(copy);
    return copy as never;
  };
  return clients;
}
