import { Queue, Worker, type Processor } from 'bullmq';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { DRAIN_DELAY_SECONDS } from '../../src/bus/bullmq-backend.ts';
import { openWatchedWorker } from '../../src/bus/watched-worker.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { Inbox } from '../support/inbox.ts';
import { redisQueueAdapter } from '../support/queue-adapters.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';

const logger = createLogger('silent');
let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

test('a worker that calls itself running and takes nothing while a job waits is opened anew, and the job is done', async () => {
  const connection = { port: redis.port, host: '127.0.0.1' };
  const queue = new Queue('stuck', { connection });
  onTestFinished(() => queue.close());
  const opened: Worker[] = [];
  const taken = new Inbox<string | undefined>();
  const open = async (process: Processor) => {
    const worker = new Worker('stuck', process, {
      connection: { ...connection, maxRetriesPerRequest: null },
      concurrency: 2,
      // The first one is as after such an outage: it holds its connections and does not poll.
      autorun: opened.length > 0,
    });
    opened.push(worker);
    await worker.waitUntilReady();
    return { close: () => worker.close(), abandon: () => worker.close(true) };
  };
  const watched = await openWatchedWorker({
    open,
    countWaiting: () => queue.getWaitingCount(),
    process: async (job) => taken.add(job.id),
    concurrency: 2,
    periodMs: 100,
    logger,
  });
  onTestFinished(() => watched.close());
  await queue.add('work', {}, { jobId: 'job-a' });
  expect(await taken.atLeast(1)).toEqual(['job-a']);
  expect(opened).toHaveLength(2);
});

test('a worker that has all its hands full, or nothing to take, is left alone', async () => {
  const looks = new Inbox<number>();
  let opened = 0;
  let hand: Processor | undefined;
  const busy = Promise.withResolvers<undefined>();
  const watched = await openWatchedWorker({
    open: (process) => {
      opened += 1;
      hand = process;
      return Promise.resolve({ close: () => Promise.resolve(), abandon: () => Promise.resolve() });
    },
    countWaiting: () => {
      looks.add(0);
      return Promise.resolve(0);
    },
    process: () => busy.promise,
    concurrency: 1,
    periodMs: 5,
    logger,
  });
  await looks.atLeast(5);
  const work = hand?.({} as never, 'token');
  busy.resolve(undefined);
  await work;
  await watched.close();
  expect(opened).toBe(1);
});

test(`workers go on after an outage of Redis that was longer than they block for a job (${DRAIN_DELAY_SECONDS} s)`, async () => {
  const adapter = await redisQueueAdapter();
  const queues = adapter.open();
  onTestFinished(async () => {
    await queues.close();
    await adapter.stop();
  });
  const taken = new Inbox<string>();
  await queues.work('work.pool', 1, async (data) => taken.add(data.kind === 'subtask' ? data.subtaskId : ''));
  const job = (subtaskId: string) => [
    { queue: 'work.pool', jobId: `sub_${subtaskId}_1`, data: { kind: 'subtask' as const, subtaskId, epoch: 1 } },
  ];
  await queues.add(job('a'));
  await taken.atLeast(1);
  await adapter.goDown();
  // The outage itself is what is tested: it must outlast one blocking poll.
  await new Promise((resolve) => setTimeout(resolve, DRAIN_DELAY_SECONDS * 1_000 + 1_500));
  await adapter.comeBack();
  await expect
    .poll(
      () =>
        queues.add(job('b')).then(
          () => true,
          () => false,
        ),
      { timeout: 15_000 },
    )
    .toBe(true);
  expect(await taken.atLeast(2)).toEqual(['a', 'b']);
}, 60_000);
