import { setTimeout as delay } from 'node:timers/promises';
import { UnrecoverableError, type Job } from 'bullmq';
import { z } from 'zod';
import { MarketError } from '../contracts/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { BullmqBackend, OpenQueue, OpenWorker } from './bullmq-backend.ts';
import { postgresBackend } from './bullmq-postgres.ts';
import { redisBackend } from './bullmq-redis.ts';
import type { BusKeys } from './bus-keys.ts';
import type { JobData, JobQueues, QueuedJob, QueueWorker } from './job-queues.ts';

/** How long a worker whose jobs are done may take to say goodbye to a store that does not answer. */
const CLOSE_PATIENCE_MS = 3_000;
/** And how long, when its connections were cut, to notice. */
const ABANDON_PATIENCE_MS = 1_000;

const signed = { epoch: z.int32(), sig: z.string().max(64) };
const signedJobSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('subtask'), subtaskId: z.string().max(64), ...signed }),
  z.object({ kind: z.literal('synthesis'), taskId: z.string().max(64), ...signed }),
]) satisfies z.ZodType<JobData & { sig: string }>;

/** A job is signed with its queue, so that it cannot be carried to another; its epoch makes an old one a claim that fails. */
const signedText = (queue: string, data: JobData) =>
  `${queue}\n${data.kind}\n${data.kind === 'subtask' ? data.subtaskId : data.taskId}\n${data.epoch}`;

/** Several nodes of a Redis Cluster are separated by commas. */
export type JobTransport = { redisUrl: string } | { databaseUrl: string };

/** The queues on Redis, or on BullMQ's PostgreSQL backend, which makes its own tables. Connects by itself, when it is needed. */
export function createJobQueues(
  transport: JobTransport,
  { keys, leaseMs, logger, metrics }: { keys: BusKeys; leaseMs: number; logger: Logger; metrics: Metrics },
): JobQueues {
  const log = logger.child({ component: 'queues' });
  const backend =
    'redisUrl' in transport
      ? redisBackend(transport.redisUrl, leaseMs, log)
      : postgresBackend(transport.databaseUrl, leaseMs, log);
  return new BullmqJobQueues(backend, keys, log, metrics);
}

class BullmqJobQueues implements JobQueues {
  readonly #backend: BullmqBackend;
  readonly #keys: BusKeys;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #queues = new Map<string, Promise<OpenQueue>>();
  readonly #workers = new Set<QueueWorker>();
  #closing: Promise<void> | undefined;

  constructor(backend: BullmqBackend, keys: BusKeys, logger: Logger, metrics: Metrics) {
    this.#backend = backend;
    this.#keys = keys;
    this.#logger = logger;
    this.#metrics = metrics;
  }

  async add(jobs: QueuedJob[]): Promise<void> {
    if (this.#closing !== undefined) throw new MarketError('UNAVAILABLE', 'the queues are closed');
    const byQueue = Map.groupBy(jobs, (job) => job.queue);
    await Promise.all([...byQueue].map(([name, batch]) => this.#addTo(name, batch)));
  }

  async work(queue: string, concurrency: number, handler: (data: JobData) => Promise<void>): Promise<QueueWorker> {
    const running = new Set<Promise<void>>();
    const open = await this.#backend.openWorker(queue, concurrency, async (job: Job) => {
      const run = this.#run(queue, job, handler);
      running.add(run);
      try {
        await run;
      } finally {
        running.delete(run);
      }
    });
    let closing: Promise<void> | undefined;
    const worker: QueueWorker = {
      close: () => (closing ??= this.#endWorker(open, running).finally(() => this.#workers.delete(worker))),
    };
    this.#workers.add(worker);
    return worker;
  }

  open(names: readonly string[]): Promise<unknown[]> {
    return Promise.all(names.map((name) => this.#queue(name)));
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#shutDown());
  }

  async #shutDown(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.close()));
    // one that could not be opened has nothing to close
    await Promise.allSettled([...this.#queues.values()].map(async (queue) => (await queue).close()));
    await this.#backend.close();
  }

  async #addTo(name: string, jobs: QueuedJob[]): Promise<void> {
    try {
      await this.#insert(name, jobs);
    } catch (error) {
      const healed = await this.#backend.heal(error);
      if (!healed) throw new MarketError('UNAVAILABLE', `the queue ${name} takes no jobs`, { cause: error });
      await this.#insert(name, jobs);
    }
  }

  async #insert(name: string, jobs: QueuedJob[]): Promise<void> {
    const queue = await this.#queue(name);
    const adding = jobs.map(({ data, jobId }) => ({
      name: data.kind,
      data: { ...data, sig: this.#keys.signJob(signedText(name, data)) },
      opts: { jobId },
    }));
    if (adding.length >= this.#backend.bulkFromJobs) await queue.addBulk(adding);
    else for (const job of adding) await queue.add(job.name, job.data, job.opts);
  }

  #queue(name: string): Promise<OpenQueue> {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = this.#backend.openQueue(name);
      this.#queues.set(name, queue);
      // one that could not be opened is opened anew next time
      queue.catch(() => this.#queues.delete(name));
    }
    return queue;
  }

  async #run(queue: string, job: Job, handler: (data: JobData) => Promise<void>): Promise<void> {
    const parsed = signedJobSchema.safeParse(job.data);
    if (!parsed.success) this.#drop(queue, job, 'payload');
    const { sig, ...data } = parsed.data;
    if (!this.#keys.verifyJob(signedText(queue, data), sig)) this.#drop(queue, job, 'signature');
    const stop = this.#metrics.jobSeconds.startTimer({ queue });
    try {
      await handler(data);
      stop({ outcome: 'done' });
    } catch (error) {
      stop({ outcome: 'failed' });
      this.#logger.error({ err: error, queue, jobId: job.id }, 'a job failed');
      throw error;
    }
  }

  #drop(queue: string, job: Job, reason: 'payload' | 'signature'): never {
    this.#metrics.busDropped.inc({ channel: 'jobs', reason });
    this.#logger.warn({ queue, jobId: job.id, reason }, "a job that is not the market's was dropped");
    throw new UnrecoverableError(`dropped: ${reason}`);
  }

  /** Waits for the jobs that run however long they take, and for the store only a while. */
  async #endWorker(open: OpenWorker, running: Set<Promise<void>>): Promise<void> {
    const closed = open.close().then(() => true);
    do {
      await Promise.allSettled(running);
      if (await Promise.race([closed, delay(CLOSE_PATIENCE_MS, false, { ref: false })])) return;
      // a job may have been on its way when the worker was told
    } while (running.size > 0);
    this.#logger.warn('a worker is closed without an answer from its store');
    await open.abandon();
    await Promise.race([closed, delay(ABANDON_PATIENCE_MS, false, { ref: false })]);
  }
}
