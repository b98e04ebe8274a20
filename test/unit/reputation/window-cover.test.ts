import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coverWindow } from '../../../src/reputation/core/window-cover.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 25, 12);

test('90 days are read as hours, their edges as minutes, and at most two minutes as single tasks', () => {
  const now = START + 17 * MINUTE + 5_000;
  const begin = now - 90 * 24 * HOUR;
  expect(coverWindow(begin, now, { minute: START + 16 * MINUTE, hour: START })).toStrictEqual([
    { from: 'tasks', beginMs: begin, endMs: begin + 55_000 },
    { from: 'minute', beginMs: begin + 55_000, endMs: START - 90 * 24 * HOUR + HOUR },
    { from: 'hour', beginMs: START - 90 * 24 * HOUR + HOUR, endMs: START },
    { from: 'minute', beginMs: START, endMs: START + 16 * MINUTE },
    { from: 'tasks', beginMs: START + 16 * MINUTE, endMs: now },
  ]);
});

test('a window within what is not rolled up yet is read as single tasks', () => {
  const now = START + 90_000;
  const until = { minute: START, hour: START };
  expect(coverWindow(now - 60_000, now, until)).toStrictEqual([{ from: 'tasks', beginMs: now - 60_000, endMs: now }]);
});

test('any window is covered without a gap, nothing twice, each grain by whole units that are complete', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 90 * 24 * HOUR }),
      fc.integer({ min: 0, max: 3 * HOUR }),
      fc.nat(300),
      fc.nat(5),
      (windowMs, sinceStart, minutesBehind, hoursBehind) => {
        const now = START + sinceStart;
        const minute = Math.floor(now / MINUTE) * MINUTE - minutesBehind * MINUTE;
        const until = { minute, hour: Math.floor(minute / HOUR) * HOUR - hoursBehind * HOUR };
        const stretches = coverWindow(now - windowMs, now, until);
        expect(stretches[0]?.beginMs).toBe(now - windowMs);
        expect(stretches.at(-1)?.endMs).toBe(now);
        stretches.forEach(({ from, beginMs, endMs }, index) => {
          expect(endMs).toBeGreaterThan(beginMs);
          const next = stretches[index + 1];
          if (next !== undefined) expect(next.beginMs).toBe(endMs);
          if (from === 'tasks') return;
          const unit = from === 'minute' ? MINUTE : HOUR;
          expect([beginMs % unit, endMs % unit]).toStrictEqual([0, 0]);
          expect(endMs).toBeLessThanOrEqual(until[from]);
        });
      },
    ),
  );
});
