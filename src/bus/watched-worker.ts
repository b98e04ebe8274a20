import type { Processor } from 'bullmq';
import type { Logger } from '../observability/logger.ts';
import type { OpenWorker } from './bullmq-backend.ts';

/** A worker that is free and takes nothing, so many looks in a row, while jobs wait, is opened anew. */
const LOOKS = 3;

export interface WatchedWorkerOptions {
  open(process: Processor): Promise<OpenWorker>;
  /** How many jobs wait in the queue. */
  countWaiting(): Promise<number>;
  process: Processor;
  concurrency: number;
  /** Between two looks: as long as a worker blocks for a job, so that it polls between them. */
  periodMs: number;
  logger: Logger;
}

/**
 * Opens a worker with a watchdog over what it takes: the only sign of life that counts. After an outage of Redis, workers of
 * BullMQ have never polled again though they called themselves running (bullmq #4585, #4479, #2964).
 */
export async function openWatchedWorker(options: WatchedWorkerOptions): Promise<OpenWorker> {
  const { periodMs, concurrency, logger } = options;
  let running = 0;
  let taken = 0;
  const process: Processor = async (...job) => {
    taken += 1;
    running += 1;
    try {
      return (await options.process(...job)) as unknown;
    } finally {
      running -= 1;
    }
  };
  let worker = await options.open(process);
  let takenBefore = 0;
  let idleLooks = 0;

  const look = async () => {
    const idle = taken === takenBefore && running < concurrency && (await options.countWaiting()) > 0;
    takenBefore = taken;
    idleLooks = idle ? idleLooks + 1 : 0;
    if (idleLooks < LOOKS) return;
    idleLooks = 0;
    logger.error({ periodMs }, 'a worker takes no jobs although some wait; it is opened anew');
    const stuck = worker;
    worker = await options.open(process);
    await stuck.abandon();
  };
  let looking = Promise.resolve();
  const watch = setInterval(() => {
    looking = looking.then(look).catch((error: unknown) => {
      // Redis does not answer: what is not known to wait is nobody's fault.
      idleLooks = 0;
      logger.debug({ err: error }, 'a queue could not be looked at');
    });
  }, periodMs);
  watch.unref();

  const stopWatching = async () => {
    clearInterval(watch);
    await looking;
  };
  return {
    close: async () => {
      await stopWatching();
      await worker.close();
    },
    abandon: async () => {
      clearInterval(watch);
      await worker.abandon();
    },
  };
}
