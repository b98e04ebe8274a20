/**
 * BullMQ behind a small port: plain jobs that carry ids, on Redis or on BullMQ's PostgreSQL backend. A queue is transport:
 * at least once, and forgetful. Whoever takes a job must claim its work in PostgreSQL first.
 */
export interface JobQueues {
  /**
   * Adds jobs; one whose id the queue still knows (it waits, runs, or has completed lately) is not added again, one that has
   * failed is. Rejects if the transport is down.
   */
  add(jobs: QueuedJob[]): Promise<void>;
  /** Runs `handler` for the jobs of `queue`, at most `concurrency` at once; a throwing handler fails the job, once. */
  work(queue: string, concurrency: number, handler: (data: JobData) => Promise<void>): Promise<QueueWorker>;
  /** The queues themselves, as BullMQ's boards take them: to look into, not to change. */
  open(names: readonly string[]): Promise<unknown[]>;
  close(): Promise<void>;
}

export interface QueuedJob {
  queue: string;
  jobId: string;
  data: JobData;
}

/** Ids only: the truth is read again where the job arrives. */
export type JobData =
  { kind: 'subtask'; subtaskId: string; epoch: number } | { kind: 'synthesis'; taskId: string; epoch: number };

export interface QueueWorker {
  /** Takes no more jobs and waits for those that run. */
  close(): Promise<void>;
}
