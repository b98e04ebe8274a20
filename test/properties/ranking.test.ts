import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PolicyBid } from '../../src/contracts/award-policy.ts';
import { createAwardPolicies } from '../../src/reputation/index.ts';

const skills = fc.subarray(['a', 'b', 'c', 'd']);
// few values, so that ties are common
const bids = fc.uniqueArray(
  fc.record({
    agentId: fc.stringMatching(/^[a-z]{1,3}$/),
    skills,
    reputation: fc.constantFrom(0, 100, 105, 150),
    loadPercent: fc.constantFrom(0, 25, 50, 100, 125),
  }),
  { selector: (bid) => bid.agentId, maxLength: 20 },
);
const task = fc.record({ id: fc.uuid(), requiredSkills: skills });
const weight = fc.double({ min: 0, max: 1, noNaN: true });
const weights = fc.record({ reputation: weight, skillMatch: weight, load: weight });
const policyName = fc.constantFrom('weighted', 'reputation-first');
const drawn = fc.record({ bids, task, weights, policyName });

function rank(given: { weights: typeof weights extends fc.Arbitrary<infer W> ? W : never; policyName: string }) {
  return createAwardPolicies({ weights: given.weights }).get(given.policyName)!.rank;
}

test('the ranking is the same, byte for byte, whatever the order in which the bids arrived', () => {
  const shuffled = drawn.chain((given) =>
    fc.record({ given: fc.constant(given), order: fc.shuffledSubarray(given.bids, { minLength: given.bids.length }) }),
  );
  fc.assert(
    fc.property(shuffled, ({ given, order }) => {
      expect(JSON.stringify(rank(given)(order, given.task))).toBe(JSON.stringify(rank(given)(given.bids, given.task)));
    }),
  );
});

test('the ranking holds every bid once, by falling score, and every score is the sum of its parts', () => {
  fc.assert(
    fc.property(drawn, (given) => {
      const ranked = rank(given)(given.bids, given.task);
      expect(ranked.map((one) => one.bid.agentId).toSorted()).toEqual(given.bids.map((bid) => bid.agentId).toSorted());
      for (const [i, one] of ranked.entries()) {
        const { reputation, skillMatch, load } = one.parts;
        expect(one.score).toBeCloseTo(reputation + skillMatch + load, 9);
        if (i > 0) expect(ranked[i - 1]!.score).toBeGreaterThanOrEqual(one.score);
      }
    }),
  );
});

test('an equal bid with a higher reputation never ranks lower', () => {
  fc.assert(
    fc.property(drawn, fc.integer({ min: 1, max: 50 }), (given, more) => {
      const [first] = given.bids;
      fc.pre(first !== undefined && first.reputation + more <= 150);
      const place = (list: PolicyBid[]) =>
        rank(given)(list, given.task).findIndex((one) => one.bid.agentId === first.agentId);
      const better = given.bids.map((bid) => (bid === first ? { ...bid, reputation: bid.reputation + more } : bid));
      expect(place(better)).toBeLessThanOrEqual(place(given.bids));
    }),
  );
});
