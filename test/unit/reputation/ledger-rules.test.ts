import { expect, test } from 'vitest';
import { deltaFor, foldEntries, START_REPUTATION } from '../../../src/reputation/core/ledger-rules.ts';

test('reputation starts at 100', () => {
  expect(START_REPUTATION).toBe(100);
});

test.each([
  ['accepted without a known quality', 'accepted', null, 5],
  ['accepted with quality 0', 'accepted', 0, 5],
  ['accepted with quality exactly 90', 'accepted', 90, 5],
  ['accepted with quality 90.01', 'accepted', 90.01, 7],
  ['accepted with quality 100', 'accepted', 100, 7],
  ['failed', 'failed', null, -10],
  ['rejected, whatever its quality', 'rejected', 100, -10],
  ['timed out', 'timed_out', null, -10],
  ['a failure of the market’s own', 'market_failure', null, 0],
  ['a failure of the market’s own, whatever the quality', 'market_failure', 100, 0],
] as const)('%s', (_title, outcome, quality, delta) => {
  expect(deltaFor({ outcome, quality })).toBe(delta);
});

test('ten times +7 and then −10 from 100 is 140: the clamp is applied entry by entry', () => {
  const steps = foldEntries(100, [...Array<number>(10).fill(7), -10]);
  expect(steps.at(-1)).toEqual({ before: 150, after: 140 });
});

test('reputation is clamped at 150: 148 + 5', () => {
  expect(foldEntries(148, [5])).toEqual([{ before: 148, after: 150 }]);
});

test('reputation is clamped at 0: 9 − 10', () => {
  expect(foldEntries(9, [-10])).toEqual([{ before: 9, after: 0 }]);
});

test('before of each entry is after of the one before it', () => {
  expect(foldEntries(100, [5, -10, 0])).toEqual([
    { before: 100, after: 105 },
    { before: 105, after: 95 },
    { before: 95, after: 95 },
  ]);
});
