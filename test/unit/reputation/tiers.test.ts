import { expect, test } from 'vitest';
import { TIERS } from '../../../src/contracts/agent.ts';
import { tierOf, tierRange } from '../../../src/reputation/core/tiers.ts';

test.each([
  [150, 'Elite'],
  [130, 'Elite'],
  [129, 'Expert'],
  [110, 'Expert'],
  [109, 'Competent'],
  [100, 'Competent'],
  [90, 'Competent'],
  [89, 'Developing'],
  [70, 'Developing'],
  [69, 'Needs Improvement'],
  [0, 'Needs Improvement'],
])('a reputation of %i is %s', (reputation, tier) => {
  expect(tierOf(reputation)).toBe(tier);
});

test('the ranges of the tiers hold each reputation from 0 to 150 once, and agree with tierOf', () => {
  const held = TIERS.flatMap((tier) => {
    const { min, max } = tierRange(tier);
    return Array.from({ length: max - min + 1 }, (_, i) => ({ reputation: min + i, tier }));
  });
  expect(held).toHaveLength(151);
  expect(held.every(({ reputation, tier }) => tierOf(reputation) === tier)).toBe(true);
});
