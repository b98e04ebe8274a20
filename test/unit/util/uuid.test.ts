import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from '../../../src/util/backoff.ts';
import { uuidv7, uuidv7At } from '../../../src/util/uuid.ts';

const instants = fc.integer({ min: 0, max: 2 ** 48 - 1 });

test('is a UUID of version 7 and variant 10', () => {
  for (let i = 0; i < 100; i += 1)
    expect(uuidv7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('holds its millisecond in the first 48 bits', () => {
  fc.assert(
    fc.property(instants, (ms) => Number.parseInt(uuidv7At(ms, 0).replaceAll('-', '').slice(0, 12), 16) === ms),
  );
});

test('an id of a later millisecond sorts after an earlier one, as text', () => {
  fc.assert(
    fc.property(instants, instants, (a, b) => {
      fc.pre(a !== b);
      expect(uuidv7At(Math.min(a, b), 9) < uuidv7At(Math.max(a, b), 0)).toBe(true);
    }),
  );
});

test('ten thousand ids made at once differ, and sort in the order in which they were made', () => {
  const ids = Array.from({ length: 10_000 }, () => uuidv7());
  expect(new Set(ids).size).toBe(10_000);
  expect(ids.toSorted()).toEqual(ids);
});

test.each([
  [0, 500],
  [1, 1_000],
  [3, 4_000],
  [4, 5_000],
  [10_000, 5_000],
])('after %i tries the back-off of 500 ms, at most 5000 ms, is %i ms', (tries, ms) => {
  expect(backoffMs(tries, 500, 5_000)).toBe(ms);
});
