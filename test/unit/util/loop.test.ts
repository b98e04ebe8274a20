import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Loop } from '../../../src/util/loop.ts';

const options = { periodMs: 1_000, retryMs: 200, onError: () => undefined };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const turn = () => vi.advanceTimersByTimeAsync(0);

test('runs at once, and again after the period at the latest', async () => {
  const body = vi.fn(async () => undefined);
  const loop = new Loop(body, options);
  await turn();
  expect(body).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(999);
  expect(body).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(body).toHaveBeenCalledTimes(2);
  await loop.stop();
});

test('a wake-up during the pause makes it run at once, and the period begins anew', async () => {
  const body = vi.fn(async () => undefined);
  const loop = new Loop(body, options);
  await vi.advanceTimersByTimeAsync(900);
  loop.wake();
  await turn();
  expect(body).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(999);
  expect(body).toHaveBeenCalledTimes(2);
  await loop.stop();
});

test('wake-ups during a run make it run once more, not at the same time and not more often', async () => {
  const ends: (() => void)[] = [];
  const body = vi.fn(() => new Promise<void>((resolve) => ends.push(resolve)));
  const loop = new Loop(body, options);
  await turn();
  for (let i = 0; i < 5; i += 1) loop.wake();
  await turn();
  expect(body).toHaveBeenCalledTimes(1);
  ends[0]!();
  await turn();
  expect(body).toHaveBeenCalledTimes(2);
  ends[1]!();
  await vi.advanceTimersByTimeAsync(999);
  expect(body).toHaveBeenCalledTimes(2);
  await loop.stop();
});

test('an error is told, and the next run comes after retryMs', async () => {
  const onError = vi.fn();
  const body = vi.fn(async () => undefined).mockRejectedValueOnce(new Error('the store is away'));
  const loop = new Loop(body, { ...options, onError });
  await turn();
  expect(onError).toHaveBeenCalledWith(new Error('the store is away'), 1);
  await vi.advanceTimersByTimeAsync(199);
  expect(body).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(body).toHaveBeenCalledTimes(2);
  await loop.stop();
});

test('of failures in a row the first, second, fourth, eighth … are told, and after a success the first again', async () => {
  const told: number[] = [];
  const body = vi.fn(async () => {
    if (body.mock.calls.length !== 10) throw new Error('the store is away');
  });
  const loop = new Loop(body, { ...options, retryMs: 1, onError: (_error, failures) => told.push(failures) });
  await vi.advanceTimersByTimeAsync(9);
  expect(told).toEqual([1, 2, 4, 8]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told).toEqual([1, 2, 4, 8, 1]);
  await loop.stop();
});

test('stop waits for the run under way, none follows it, and no timer is left', async () => {
  const ends: (() => void)[] = [];
  const body = vi.fn(() => new Promise<void>((resolve) => ends.push(resolve)));
  const loop = new Loop(body, options);
  await turn();
  loop.wake();
  const stopped = vi.fn();
  const stopping = loop.stop().then(stopped);
  await turn();
  expect(stopped).not.toHaveBeenCalled();
  ends[0]!();
  await stopping;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(body).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('stop during the pause ends it at once', async () => {
  const loop = new Loop(async () => undefined, options);
  await turn();
  await loop.stop();
  expect(vi.getTimerCount()).toBe(0);
});
