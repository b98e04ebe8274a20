import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BacklogGate, type BacklogLimits } from '../../../src/api/index.ts';
import type { Backlog } from '../../../src/contracts/services.ts';
import { createLogger } from '../../../src/observability/logger.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';

const LIMITS: BacklogLimits = { openTasks: 5, openTasksPerOwner: 3, poolWaitMs: 100 };
const OVERLOADED = expect.objectContaining({ code: 'OVERLOADED', retryAfterSeconds: 2 }) as Error;
const TOO_MANY = expect.objectContaining({ code: 'RATE_LIMITED', retryAfterSeconds: 2 }) as Error;

let read: ReturnType<typeof vi.fn<() => Promise<Backlog>>>;
let gate: BacklogGate;
const metrics = createMetrics();

const backlog = (owners: Record<string, number>, poolWaitMs = 0): Backlog => ({
  openTasksByOwner: new Map(Object.entries(owners)),
  waiting: 7,
  poolWaitMs,
});

async function open(first: Backlog): Promise<void> {
  read.mockResolvedValue(first);
  await gate.start();
}

beforeEach(() => {
  vi.useFakeTimers();
  read = vi.fn();
  gate = new BacklogGate({ read, limits: LIMITS, logger: createLogger('silent'), metrics });
});
afterEach(() => {
  gate.close();
  vi.useRealTimers();
});

test('tasks are let in up to the limit of all owners, then none of anybody', async () => {
  await open(backlog({ ada: 2, bob: 1 }));
  gate.reserve('cem');
  gate.reserve('dan');
  expect(() => gate.reserve('eve')).toThrow(OVERLOADED);
});

test('one owner at its limit is told so, and another is let in', async () => {
  await open(backlog({ ada: 2 }));
  gate.reserve('ada');
  expect(() => gate.reserve('ada')).toThrow(TOO_MANY);
  gate.reserve('bob');
});

test('a place that is given back is free again', async () => {
  await open(backlog({ ada: 2 }));
  gate.reserve('ada')();
  gate.reserve('ada');
  expect(() => gate.reserve('ada')).toThrow(TOO_MANY);
});

test('no submission asks the store; the loop does, and tells the metrics', async () => {
  await open(backlog({ ada: 3 }));
  expect(() => gate.reserve('ada')).toThrow(TOO_MANY);
  expect(read).toHaveBeenCalledTimes(1);
  read.mockResolvedValue(backlog({ ada: 1 }));
  await vi.advanceTimersByTimeAsync(500);
  expect(read).toHaveBeenCalledTimes(2);
  gate.reserve('ada');
  expect((await metrics.openTasks.get()).values[0]?.value).toBe(1);
  expect((await metrics.waitingOpenings.get()).values[0]?.value).toBe(7);
});

test('what is let in during a reading is counted beside its answer', async () => {
  await open(backlog({}));
  const { promise, resolve: answer } = Promise.withResolvers<Backlog>();
  read.mockReturnValue(promise);
  await vi.advanceTimersByTimeAsync(500);
  gate.reserve('ada');
  gate.reserve('ada');
  answer(backlog({ ada: 1 }));
  await vi.advanceTimersByTimeAsync(0);
  expect(() => gate.reserve('ada')).toThrow(TOO_MANY);
});

test('a reading that had to wait for a connection closes the gate until one that had not', async () => {
  await open(backlog({}, 101));
  expect(() => gate.reserve('ada')).toThrow(OVERLOADED);
  read.mockResolvedValue(backlog({}, 99));
  await vi.advanceTimersByTimeAsync(500);
  gate.reserve('ada');
});

test('a reading that gets no connection closes the gate while it waits', async () => {
  await open(backlog({}));
  read.mockReturnValue(new Promise(() => undefined));
  await vi.advanceTimersByTimeAsync(600);
  gate.reserve('ada');
  await vi.advanceTimersByTimeAsync(1);
  expect(() => gate.reserve('ada')).toThrow(OVERLOADED);
});

test('a reading that fails leaves the last figures, with what was let in since, and is tried again', async () => {
  await open(backlog({ ada: 2 }));
  read.mockRejectedValue(new Error('the store is away'));
  gate.reserve('ada');
  await vi.advanceTimersByTimeAsync(500);
  expect(() => gate.reserve('ada')).toThrow(TOO_MANY);
  read.mockResolvedValue(backlog({}));
  await vi.advanceTimersByTimeAsync(500);
  gate.reserve('ada');
});

test('a reading rests ten times as long as it took', async () => {
  await open(backlog({}));
  read.mockImplementation(() => new Promise((resolve) => setTimeout(() => resolve(backlog({})), 90)));
  await vi.advanceTimersByTimeAsync(500 + 90);
  expect(read).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(899);
  expect(read).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(read).toHaveBeenCalledTimes(3);
});
