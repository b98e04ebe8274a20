import { expect, test } from 'vitest';
import { scoreBid, skillMatch } from '../../../src/reputation/core/scoring.ts';

const WEIGHTS = { reputation: 0.4, skillMatch: 0.4, load: 0.2 };

test('skill match is 100 × shared / all skills of agent and task: 2 shared of 4 is 50', () => {
  expect(skillMatch(['a', 'b', 'c'], ['b', 'c', 'd'])).toBe(50);
});

test('skill match is 100 when agent and task name the same skills, in any order and however often', () => {
  expect(skillMatch(['b', 'a', 'a'], ['a', 'b'])).toBe(100);
});

test('skill match is 0 when nothing is shared', () => {
  expect(skillMatch(['a'], ['b'])).toBe(0);
});

test('a skill that nobody asked for lowers the match of a generalist', () => {
  expect(skillMatch(['a', 'b', 'c', 'd', 'e'], ['a'])).toBe(20);
});

test('skill match is 50 when the task requires no skill, whatever the agent can do', () => {
  expect([skillMatch([], []), skillMatch(['a', 'b'], [])]).toEqual([50, 50]);
});

test('the score is 0.4 × reputation + 0.4 × skill match + 0.2 × (100 − load)', () => {
  expect(scoreBid({ reputation: 100, skillMatch: 50, loadPercent: 25 }, WEIGHTS)).toEqual({
    parts: { reputation: 40, skillMatch: 20, load: 15 },
    score: 75,
  });
});

test('reputation enters raw, so that the highest score is 120', () => {
  expect(scoreBid({ reputation: 150, skillMatch: 100, loadPercent: 0 }, WEIGHTS).score).toBe(120);
});

test('a load over 100 % counts as 100 %, and never makes a part negative', () => {
  expect(scoreBid({ reputation: 0, skillMatch: 0, loadPercent: 250 }, WEIGHTS).parts.load).toBe(0);
});

test('parts have six decimals and the score is the sum of the parts as shown', () => {
  const { parts, score } = scoreBid({ reputation: 101, skillMatch: 100 / 3, loadPercent: 100 / 3 }, WEIGHTS);
  expect(parts).toEqual({ reputation: 40.4, skillMatch: 13.333333, load: 13.333333 });
  expect(score).toBe(67.066666);
});
