import { describe, expect, test } from 'vitest';
import { recheckRound } from '../../../src/cli/recheck-receipt.ts';
import { receiptRound, scoredBid } from '../../support/receipt-fixture.ts';

const first = scoredBid({
  agentId: 'a',
  rank: 1,
  skills: ['finance', 'budgeting'],
  reputation: 130,
  skillMatch: 100 / 3,
  loadPercent: 0,
});
const second = scoredBid({
  agentId: 'b',
  rank: 2,
  skills: ['seo', 'finance'],
  reputation: 10,
  skillMatch: 100,
  loadPercent: 75,
});

describe('recheckRound', () => {
  test('a round whose figures agree has no mismatch, also where the skill match does not end within six decimals', () => {
    expect(recheckRound(receiptRound([first, second]))).toEqual([]);
  });

  test.each([
    ['reputation', { ...first, parts: { ...first.parts, reputation: first.parts.reputation + 0.00001 } }],
    ['skillMatch', { ...first, parts: { ...first.parts, skillMatch: 0 } }],
    ['load', { ...first, loadPercent: 1 }],
    ['score', { ...first, score: first.score + 0.00001 }],
    ['skillOverlap', { ...first, skills: ['finance'] }],
    ['rank', { ...first, rank: 3 }],
  ])('a wrong %s is named, with the agent', (what, bid) => {
    expect(recheckRound(receiptRound([bid, second]))).toContainEqual(expect.objectContaining({ agentId: 'a', what }));
  });

  test('a bid ranked behind one of a lower score is named, with the rank that it should have', () => {
    const swapped = [
      { ...first, rank: 2 },
      { ...second, rank: 1 },
    ];
    expect(recheckRound(receiptRound(swapped))).toEqual([
      { round: 1, agentId: 'a', what: 'rank', stated: 2, computed: 1 },
    ]);
  });

  test('equal scores in either order are no mismatch: ties are broken by another rule', () => {
    const tie = { ...first, agentId: 'z', rank: 2 };
    expect(recheckRound(receiptRound([first, tie]))).toEqual([]);
  });

  test('a load over 100 % counts as 100', () => {
    const overloaded = {
      ...scoredBid({
        agentId: 'o',
        rank: 1,
        skills: ['seo', 'finance'],
        reputation: 100,
        skillMatch: 100,
        loadPercent: 100,
      }),
      loadPercent: 250,
    };
    expect(recheckRound(receiptRound([overloaded]))).toEqual([]);
  });

  test('when no skills are required the skill match is 50', () => {
    const fifty = scoredBid({
      agentId: 'f',
      rank: 1,
      skills: ['seo'],
      reputation: 100,
      skillMatch: 50,
      loadPercent: 0,
    });
    expect(recheckRound(receiptRound([fifty], { requiredSkills: [] }))).toEqual([]);
    expect(recheckRound(receiptRound([{ ...fifty, skillMatch: 100 }], { requiredSkills: [] }))).not.toEqual([]);
  });

  test('a refused bid, which has no score to speak of, is left out', () => {
    expect(recheckRound(receiptRound([first, { ...second, score: 999, rank: 2, refused: 'NO_SKILL' }]))).toEqual([]);
  });

  test('of a policy that is not a weighted sum only the sum of the parts is checked', () => {
    const other = { ...first, parts: { reputation: 1, skillMatch: 2, load: 3 }, score: 6 };
    expect(recheckRound(receiptRound([other], { policy: 'thompson' }))).toEqual([]);
    expect(recheckRound(receiptRound([{ ...other, score: 7 }], { policy: 'thompson' }))).toMatchObject([
      { what: 'score', stated: 7, computed: 6 },
    ]);
  });
});
