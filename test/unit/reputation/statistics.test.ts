import { expect, test } from 'vitest';
import { ratio, wilsonInterval } from '../../../src/reputation/core/statistics.ts';

test('the 95 % Wilson interval of 8 successes in 10 is 0.4902 to 0.9433', () => {
  expect(wilsonInterval(8, 2)).toEqual({ low: 0.4902, high: 0.9433 });
});

test('one success in one attempt is not certainty: 0.2065 to 1', () => {
  expect(wilsonInterval(1, 0)).toEqual({ low: 0.2065, high: 1 });
});

test('no success in one attempt leaves hope: 0 to 0.7935', () => {
  expect(wilsonInterval(0, 1)).toEqual({ low: 0, high: 0.7935 });
});

test('no attempts have no interval and no rate', () => {
  expect([wilsonInterval(0, 0), ratio(0, 0, 4)]).toEqual([null, null]);
});
