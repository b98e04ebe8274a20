import { expect, test } from 'vitest';
import { Patience, SILENCE_MS } from '../../../src/orchestrator/core/patience.ts';

const live = ['a', 'b'];

test('a round waits for every live process that has not been silent, and for none that is gone', () => {
  const patience = new Patience();
  patience.missed(['gone'], 0);
  expect(patience.awaited(live, 0)).toEqual(new Set(['a', 'b']));
});

test('a process that let a window pass is not waited for over the next 2 s, and then again', () => {
  const patience = new Patience();
  patience.missed(['b'], 1_000);
  expect(patience.awaited(live, 1_000 + SILENCE_MS - 1)).toEqual(new Set(['a']));
  expect(patience.awaited(live, 1_000 + SILENCE_MS)).toEqual(new Set(['a', 'b']));
});

test('a process that was late once is waited for again as soon as it has answered anything', () => {
  const patience = new Patience();
  patience.missed(['b'], 1_000);
  patience.heard('b');
  expect(patience.awaited(live, 1_001)).toEqual(new Set(['a', 'b']));
});

test('one that answers only in part is silent all the same when the window closes', () => {
  const patience = new Patience();
  patience.heard('b');
  patience.missed(['b'], 1_000);
  expect(patience.awaited(live, 1_001)).toEqual(new Set(['a']));
});
