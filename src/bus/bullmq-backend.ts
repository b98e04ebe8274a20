import type { Processor, QueueOptions, WorkerOptions } from 'bullmq';

/**
 * What BullMQ's two backends have in common, for `bullmq-job-queues`. Opening rejects when the transport is down; a
 * worker on Redis waits for it instead.
 */
export interface BullmqBackend {
  /** From this many jobs on, adding them in bulk is faster than one after the other. */
  bulkFromJobs: number;
  openQueue(name: string): Promise<OpenQueue>;
  openWorker(name: string, concurrency: number, process: Processor): Promise<OpenWorker>;
  /** True if `error`, of an open queue, had a cause that is mended now: try again. */
  heal(error: unknown): Promise<boolean>;
  /** Ends the connections; everything that was opened is closed before. */
  close(): Promise<void>;
}

export interface OpenQueue {
  add(name: string, data: unknown, opts: { jobId: string }): Promise<unknown>;
  addBulk(jobs: { name: string; data: unknown; opts: { jobId: string } }[]): Promise<unknown>;
  close(): Promise<void>;
}

export interface OpenWorker {
  close(): Promise<void>;
  /** Ends the connections under the worker, whatever it waits for. */
  abandon(): Promise<void>;
}

/** A completed job's id stays known for this long, so that adding it again is nothing. In seconds, as BullMQ has it. */
export const KEEP_SECONDS = 600;

/** Nobody reads the streams of events; what BullMQ writes to them is cut short. */
const EVENTS_KEPT = 100;

/** Retries are the market's: a job is one try. */
export const queueOptions = {
  defaultJobOptions: { attempts: 1 },
  streams: { events: { maxLen: EVENTS_KEPT } },
} satisfies Partial<QueueOptions>;

/** How long a worker blocks for a job, in seconds. */
export const DRAIN_DELAY_SECONDS = 5;

/**
 * Equal for all workers of a queue, in every process: any of them may look for stalled jobs. Those of a process that died are
 * given to another one within `lockDuration + stalledInterval`, one and a half leases. A job that failed is forgotten at
 * once: kept, it would block its id, and recovery adds the job of an unfinished synthesis again under the same one.
 */
export const workerOptions = (leaseMs: number) =>
  ({
    lockDuration: leaseMs,
    stalledInterval: leaseMs / 2,
    maxStalledCount: 1,
    drainDelay: DRAIN_DELAY_SECONDS,
    removeOnFail: { count: 0 },
  }) satisfies Partial<WorkerOptions>;
