import { expect, test } from 'vitest';
import { mustFence } from '../../../src/agents/core/lease.ts';

test.each([
  [0, false],
  [7_499, false],
  [7_500, true],
  [60_000, true],
])('%i ms after its last heartbeat of a lease of 10 s, a process must stop its work: %s', (sinceBeatMs, fenced) => {
  expect(mustFence(sinceBeatMs, 10_000)).toBe(fenced);
});

test('it stops before anybody else may have the work, and after more than two heartbeats of a third of a lease', () => {
  const leaseMs = 10_000;
  expect(mustFence(leaseMs - 1, leaseMs)).toBe(true);
  expect(mustFence((2 * leaseMs) / 3, leaseMs)).toBe(false);
});
