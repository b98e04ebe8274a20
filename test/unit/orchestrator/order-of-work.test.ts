import { expect, test } from 'vitest';
import type { Priority } from '../../../src/contracts/task.ts';
import { needOf } from '../../../src/orchestrator/core/need.ts';
import { compareWaiting, urgency, type Waiting } from '../../../src/orchestrator/core/order-of-work.ts';
import { START } from '../../support/task-fixtures.ts';

function waiting(taskId: string, priority: Priority, waitedMs: number, deadlineInMs?: number): Waiting {
  const deadline = deadlineInMs === undefined ? null : new Date(START.getTime() + deadlineInMs);
  return { taskId, priority, openedAt: new Date(START.getTime() - waitedMs), deadline };
}

function order(...openings: Waiting[]) {
  return openings.toSorted((a, b) => compareWaiting(a, b, START)).map((one) => one.taskId);
}

test('critical goes before high, high before normal, normal before low, whatever their age below 30 s', () => {
  const openings = (['low', 'normal', 'high', 'critical'] as const).map((priority, i) =>
    waiting(priority, priority, 29_999 - i * 1_000),
  );
  expect(order(...openings)).toEqual(['critical', 'high', 'normal', 'low']);
});

test.each([
  [29_999, 0],
  [30_000, 1],
  [59_999, 1],
  [60_000, 2],
  [90_000, 3],
  [10_000_000, 3],
])('low that has waited %i ms is of level %i: one more for each 30 s, at most critical', (waitedMs, level) => {
  expect(urgency('low', waitedMs)).toBe(level);
});

test('critical is raised no further, and an opening of the future is not lowered', () => {
  expect([urgency('critical', 300_000), urgency('low', -1)]).toEqual([3, 0]);
});

test('low that has waited 30 s goes with fresh normal, and before it by age', () => {
  expect(order(waiting('normal', 'normal', 0), waiting('low', 'low', 29_999))).toEqual(['normal', 'low']);
  expect(order(waiting('normal', 'normal', 0), waiting('low', 'low', 30_000))).toEqual(['low', 'normal']);
});

test('of one level the earlier deadline goes first, whatever the age; none is last', () => {
  const openings = [
    waiting('none', 'normal', 9_000),
    waiting('late', 'normal', 5_000, 2_000),
    waiting('soon', 'normal', 0, 1_000),
  ];
  expect(order(...openings)).toEqual(['soon', 'late', 'none']);
});

test('a deadline does not lift an opening over a higher level', () => {
  expect(order(waiting('soon', 'normal', 0, 1), waiting('high', 'high', 0))).toEqual(['high', 'soon']);
});

test('of one level and deadline the older goes first, and of one age the lower task id', () => {
  expect(order(waiting('b', 'low', 5), waiting('a', 'low', 5), waiting('c', 'low', 6))).toEqual(['c', 'a', 'b']);
});

test('openings have one need if their domain and their set of skills are the same, in whatever order', () => {
  expect(needOf(['b', 'a'], 'retail')).toBe(needOf(['a', 'b'], 'retail'));
  expect(
    new Set([needOf(['a'], 'retail'), needOf(['a'], undefined), needOf([], 'retail'), needOf(['a', 'b'], 'retail')])
      .size,
  ).toBe(4);
});
