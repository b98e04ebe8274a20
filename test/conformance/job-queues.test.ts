import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { busKeys, type BusKeys, type JobData, type JobQueues, type QueuedJob } from '../../src/bus/index.ts';
import { marketKeys, poolKeys } from '../support/bus-adapters.ts';
import { Inbox } from '../support/inbox.ts';
import { postgresQueueAdapter, redisQueueAdapter, type QueueAdapter } from '../support/queue-adapters.ts';

const adapters = [
  { name: 'Redis', start: redisQueueAdapter },
  { name: 'PostgreSQL', start: () => postgresQueueAdapter(inject('postgresUrl')) },
];

const subtask = (queue: string, subtaskId: string): QueuedJob => ({
  queue,
  jobId: `sub_${subtaskId}_1`,
  data: { kind: 'subtask', subtaskId, epoch: 1 },
});
const idOf = (data: JobData) => (data.kind === 'subtask' ? data.subtaskId : data.taskId);

describe.each(adapters)('the job queues on $name', ({ start }) => {
  let adapter: QueueAdapter;
  let opened: JobQueues[] = [];
  let queueCount = 0;
  let queue: string;

  beforeAll(async () => {
    adapter = await start();
  });
  beforeEach(() => {
    queue = `work.pool${(queueCount += 1)}`;
  });
  afterEach(async () => {
    await Promise.all(opened.map((queues) => queues.close()));
    opened = [];
  });
  afterAll(() => adapter.stop());

  const open = (keys?: BusKeys): JobQueues => {
    const queues = adapter.open(keys);
    opened.push(queues);
    return queues;
  };

  /** A worker that notes what it is given; `hold` keeps a job running until its promise resolves. */
  const takeAll = async (
    queues: JobQueues,
    concurrency = 1,
    hold: (id: string) => Promise<void> = () => Promise.resolve(),
  ) => {
    const taken = new Inbox<string>();
    const worker = await queues.work(queue, concurrency, (data) => {
      taken.add(idOf(data));
      return hold(idOf(data));
    });
    return { taken, worker };
  };

  it('hands a job to the worker of its queue with the data it was added with', async () => {
    const queues = open();
    const taken = new Inbox<JobData>();
    await queues.work(queue, 1, async (data) => taken.add(data));
    const jobs: QueuedJob[] = [
      subtask(queue, 'a'),
      { queue, jobId: 'syn_t_4', data: { kind: 'synthesis', taskId: 't', epoch: 4 } },
    ];
    await queues.add(jobs);
    expect(await taken.atLeast(2)).toEqual(jobs.map(({ data }) => data));
  });

  it('wakes an idle worker for a job that another process adds, and for the next', async () => {
    const { taken } = await takeAll(open());
    const producer = open();
    await producer.add([subtask(queue, 'a')]);
    await taken.atLeast(1);
    await producer.add([subtask(queue, 'b')]);
    expect(await taken.atLeast(2)).toEqual(['a', 'b']);
  });

  it('keeps jobs for a worker that comes later, in the order in which they were added', async () => {
    const queues = open();
    await queues.add([subtask(queue, 'a'), subtask(queue, 'b')]);
    await queues.add([subtask(queue, 'c')]);
    const { taken } = await takeAll(queues);
    expect(await taken.atLeast(3)).toEqual(['a', 'b', 'c']);
  });

  it('adds to several queues in one call, and nothing for no jobs', async () => {
    const queues = open();
    await queues.add([]);
    const other = `${queue}b`;
    await queues.add([subtask(queue, 'a'), subtask(other, 'b'), subtask(queue, 'c')]);
    const { taken } = await takeAll(queues);
    const there = new Inbox<string>();
    await queues.work(other, 1, async (data) => there.add(idOf(data)));
    expect(await taken.atLeast(2)).toEqual(['a', 'c']);
    expect(await there.atLeast(1)).toEqual(['b']);
  });

  it('runs a job whose handler rejected once, and again when it is added again under the same id', async () => {
    const queues = open();
    let tries = 0;
    const { taken } = await takeAll(queues, 1, async (id) => {
      if (id === 'a' && (tries += 1) === 1) throw new Error('the first try fails');
    });
    await queues.add([subtask(queue, 'a'), subtask(queue, 'b')]);
    expect(await taken.atLeast(2)).toEqual(['a', 'b']);
    await queues.add([subtask(queue, 'a')]);
    expect(await taken.atLeast(3)).toEqual(['a', 'b', 'a']);
  });

  it('runs a job once that is added twice in one call, again while it waits, while it runs and when it is done', async () => {
    const queues = open();
    const gate = Promise.withResolvers<undefined>();
    await queues.add([subtask(queue, 'a'), subtask(queue, 'a')]);
    await queues.add([subtask(queue, 'a')]);
    const { taken } = await takeAll(queues, 1, (id) => (id === 'a' ? gate.promise : Promise.resolve()));
    await taken.atLeast(1);
    await queues.add([subtask(queue, 'a')]);
    gate.resolve(undefined);
    await queues.add([subtask(queue, 'b')]);
    await taken.atLeast(2);
    await queues.add([subtask(queue, 'a')]);
    await queues.add([subtask(queue, 'c')]);
    expect(await taken.atLeast(3)).toEqual(['a', 'b', 'c']);
  });

  it('drops a job whose data is malformed and goes on', async () => {
    const queues = open();
    const { taken } = await takeAll(queues);
    const malformed: unknown = { kind: 'subtask', epoch: 'x' };
    await queues.add([{ ...subtask(queue, 'a'), data: malformed as JobData }, subtask(queue, 'b')]);
    expect(await taken.atLeast(1)).toEqual(['b']);
  });

  it.each<[string, (text: string) => string]>([
    ['signed by a stranger', (text) => busKeys('the secret of another market').signJob(text)],
    ['of another queue', (text) => marketKeys.signJob(text.replace(queue, 'work.other'))],
    ['with another epoch than was signed', (text) => marketKeys.signJob(text.replace(/1$/, '2'))],
    ['without a signature', () => ''],
  ])('drops a job %s, counts it, and goes on', async (_, signJob) => {
    const droppedJobs = async () =>
      (await adapter.metrics.busDropped.get()).values.find(({ labels }) => labels.reason === 'signature')?.value ?? 0;
    const before = await droppedJobs();
    const { taken } = await takeAll(open());
    await open({ ...marketKeys, signJob }).add([subtask(queue, 'forged')]);
    await open(poolKeys('one')).add([subtask(queue, 'b')]);
    expect(await taken.atLeast(1)).toEqual(['b']);
    expect(await droppedJobs()).toBe(before + 1);
  });

  it('runs at most as many jobs at once as the worker allows: 2 of 6', async () => {
    const queues = open();
    const gates = new Inbox<() => void>();
    let running = 0;
    let most = 0;
    const { taken } = await takeAll(queues, 2, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => gates.add(resolve));
      running -= 1;
    });
    await queues.add(['a', 'b', 'c', 'd', 'e', 'f'].map((id) => subtask(queue, id)));
    for (let done = 0; done < 6; done += 1) (await gates.atLeast(Math.min(done + 2, 6)))[done]?.();
    await taken.atLeast(6);
    expect(most).toBe(2);
  });

  it('gives each of 60 jobs to one of two processes', async () => {
    const [one, two] = [await takeAll(open(), 4), await takeAll(open(), 4)];
    const ids = Array.from({ length: 60 }, (_, n) => `job${n}`);
    await open().add(ids.map((id) => subtask(queue, id)));
    await expect.poll(() => one.taken.items.length + two.taken.items.length).toBe(60);
    expect([...one.taken.items, ...two.taken.items].toSorted()).toEqual(ids.toSorted());
  });

  it('a worker that closes takes no more jobs, waits for the one that runs, and leaves the rest to another process', async () => {
    const queues = open();
    const gate = Promise.withResolvers<undefined>();
    const { taken, worker } = await takeAll(queues, 1, () => gate.promise);
    await queues.add([subtask(queue, 'a'), subtask(queue, 'b')]);
    await taken.atLeast(1);
    let closed = false;
    const closing = worker.close().then(() => (closed = true));
    const next = await takeAll(open());
    expect(await next.taken.atLeast(1)).toEqual(['b']);
    expect(closed).toBe(false);
    gate.resolve(undefined);
    await Promise.all([closing, worker.close()]);
    expect(taken.items).toEqual(['a']);
  });

  it('close waits for running jobs, may be called twice, and refuses what comes after it with UNAVAILABLE', async () => {
    const queues = open();
    const gate = Promise.withResolvers<undefined>();
    let done = false;
    const { taken } = await takeAll(queues, 1, () => gate.promise.then(() => void (done = true)));
    await queues.add([subtask(queue, 'a')]);
    await taken.atLeast(1);
    const closing = Promise.all([queues.close(), queues.close()]);
    gate.resolve(undefined);
    await closing;
    expect(done).toBe(true);
    await expect(queues.add([subtask(queue, 'b')])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('takes jobs again after everything in the store was wiped', async () => {
    const queues = open();
    const { taken } = await takeAll(queues);
    await queues.add([subtask(queue, 'a')]);
    await taken.atLeast(1);
    await adapter.wipe();
    await queues.add([subtask(queue, 'b')]);
    expect(await taken.atLeast(2)).toEqual(['a', 'b']);
  });

  it('add rejects with UNAVAILABLE while the store is down; producer and worker go on when it is back', async () => {
    const queues = open();
    const { taken } = await takeAll(queues);
    await queues.add([subtask(queue, 'a')]);
    await taken.atLeast(1);
    await adapter.goDown();
    await expect(queues.add([subtask(queue, 'b')])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(queues.add([subtask(`${queue}.new`, 'b')])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await adapter.comeBack();
    await expect
      .poll(() => queues.add([subtask(queue, 'c')]).then(() => 'added', String), { timeout: 10_000 })
      .toBe('added');
    expect(await taken.atLeast(2)).toEqual(['a', 'c']);
  });

  it('closes while the store is down', async () => {
    const queues = open();
    const { taken } = await takeAll(queues);
    await queues.add([subtask(queue, 'a')]);
    await taken.atLeast(1);
    await adapter.goDown();
    await queues.close();
    await adapter.comeBack();
  });
});
