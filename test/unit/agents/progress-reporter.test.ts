import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ProgressReporter } from '../../../src/agents/progress-reporter.ts';
import { createLogger } from '../../../src/observability/logger.ts';

const ID = { subtaskId: 'task-0', epoch: 1 };

let written: { atMs: number; subtaskId: string; percent: number; note: string | null }[] = [];
let startedAt = 0;

function newReporter(): ProgressReporter {
  return new ProgressReporter(async (rows) => {
    for (const { subtaskId, percent, note } of rows)
      written.push({ atMs: performance.now() - startedAt, subtaskId, percent, note });
  }, createLogger('silent'));
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  written = [];
  startedAt = performance.now();
});
afterEach(() => void vi.useRealTimers());

test('a report every 10 ms for two seconds is written at most four times a second, the latest value each time', async () => {
  const reporter = newReporter();
  for (let ms = 0; ms < 2_000; ms += 10) {
    reporter.report(ID, ms / 20, undefined);
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(written.length).toBeGreaterThan(4);
  for (const [i, row] of written.entries()) {
    if (i > 0) expect(row.atMs - written[i - 1]!.atMs).toBeGreaterThanOrEqual(250);
    expect(row.percent).toBeGreaterThan(written[i - 1]?.percent ?? -1);
  }
  await reporter.close();
});

test('the first value of an attempt is written within 10 ms, though another attempt was written just before', async () => {
  const reporter = newReporter();
  reporter.report(ID, 10, undefined);
  await vi.advanceTimersByTimeAsync(20);
  reporter.report({ ...ID, epoch: 2 }, 20, undefined);
  reporter.report(ID, 30, undefined);
  await vi.advanceTimersByTimeAsync(10);
  expect(written.map((row) => row.percent)).toEqual([10, 20]);
  await vi.advanceTimersByTimeAsync(250);
  expect(written.map((row) => row.percent)).toEqual([10, 20, 30]);
  await reporter.close();
});

test('the first values of attempts that begin together go in one write', async () => {
  const write = vi.fn().mockResolvedValue(undefined);
  const reporter = new ProgressReporter(write, createLogger('silent'));
  for (let epoch = 1; epoch <= 100; epoch += 1) reporter.report({ ...ID, epoch }, epoch, undefined);
  await vi.advanceTimersByTimeAsync(10);
  expect(write.mock.calls.map(([rows]) => (rows as unknown[]).length)).toEqual([100]);
  await reporter.close();
});

test('while a write lasts, values wait for its end: then the latest of each attempt goes in one more', async () => {
  const store = Promise.withResolvers<undefined>();
  const write = vi.fn().mockReturnValueOnce(store.promise).mockResolvedValue(undefined);
  const reporter = new ProgressReporter(write, createLogger('silent'));
  reporter.report(ID, 10, undefined);
  await vi.advanceTimersByTimeAsync(10);
  for (const percent of [20, 30]) {
    reporter.report(ID, percent, undefined);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(write).toHaveBeenCalledTimes(1);
  store.resolve(undefined);
  await vi.advanceTimersByTimeAsync(10);
  expect(write.mock.calls.map(([rows]) => (rows as { percent: number }[])[0]?.percent)).toEqual([10, 30]);
  await reporter.close();
});

test('the last report is always written, though nothing follows it', async () => {
  const reporter = newReporter();
  for (const percent of [10, 40, 70]) reporter.report(ID, percent, undefined);
  await vi.advanceTimersByTimeAsync(250);
  expect(written.at(-1)).toMatchObject({ percent: 70 });
  await reporter.close();
});

test('closing writes what is held back, without waiting for the interval', async () => {
  const reporter = newReporter();
  reporter.report(ID, 10, undefined);
  await vi.advanceTimersByTimeAsync(1);
  reporter.report(ID, 90, 'nearly');
  await reporter.close();
  expect(written.at(-1)).toMatchObject({ percent: 90, note: 'nearly' });
});

test('what is held back of an attempt that has ended is given up for its report, once, and not written', async () => {
  const reporter = newReporter();
  reporter.report(ID, 10, undefined);
  reporter.report(ID, 55, 'half');
  expect(reporter.take(ID)).toMatchObject({ percent: 55, note: 'half' });
  expect(reporter.take(ID)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1_000);
  await reporter.close();
  expect(written).toEqual([]);
});

test('attempts do not displace each other’s values', async () => {
  const reporter = newReporter();
  reporter.report(ID, 10, undefined);
  reporter.report({ ...ID, subtaskId: 'task-1' }, 20, undefined);
  reporter.report({ ...ID, epoch: 2 }, 30, undefined);
  await reporter.close();
  expect(written.map((row) => row.percent)).toEqual([10, 20, 30]);
});

test('percent is held in 0–100, what is not a number is ignored, and a note is cut at 500 characters without NUL', async () => {
  const reporter = newReporter();
  reporter.report(ID, 300, `\u0000${'x'.repeat(600)}`);
  reporter.report(ID, Number.NaN, 'lost');
  reporter.report({ ...ID, epoch: 2 }, -5, undefined);
  await reporter.close();
  expect(written.map((row) => row.percent)).toEqual([100, 0]);
  expect(written[0]?.note).toBe(`\ufffd${'x'.repeat(499)}`);
});

test('a write that fails is given up: the next one goes on', async () => {
  const write = vi.fn().mockRejectedValueOnce(new Error('the store is away')).mockResolvedValue(undefined);
  const reporter = new ProgressReporter(write, createLogger('silent'));
  reporter.report(ID, 10, undefined);
  await vi.advanceTimersByTimeAsync(250);
  reporter.report(ID, 20, undefined);
  await vi.advanceTimersByTimeAsync(250);
  await reporter.close();
  expect(write.mock.calls.map(([rows]) => (rows as { percent: number }[])[0]?.percent)).toEqual([10, 20]);
});
