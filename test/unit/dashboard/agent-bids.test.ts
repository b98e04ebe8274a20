import { expect, test } from 'vitest';
import type { ReceiptRound, ScoredBid } from '../../../src/contracts/award.ts';
import { bidsOf } from '../../../src/dashboard/agent-bids.ts';

function bid(agentId: string, rank: number, more: Partial<ScoredBid> = {}): ScoredBid {
  const parts = { reputation: 40, skillMatch: 20, load: 20 };
  return {
    agentId,
    pool: 'p',
    skills: [],
    reputation: 100,
    skillMatch: 50,
    loadPercent: 0,
    parts,
    score: 90 - rank,
    rank,
    ...more,
  };
}

function round(more: Partial<ReceiptRound>): ReceiptRound {
  return {
    round: 1,
    at: '2026-11-21T10:00:00.000Z',
    policy: 'weighted',
    weights: { reputation: 0.4, skillMatch: 0.4, load: 0.2 },
    tieRule: '',
    requiredSkills: ['a', 'b'],
    complexity: 'moderate',
    outcome: 'awarded',
    bids: [],
    passes: [],
    passCounts: {},
    silentPools: [],
    teamSteps: [],
    awards: [],
    uncoveredSkills: [],
    ...more,
  };
}

const award = (agentId: string, ord = 0) => ({ subtaskId: `t-${ord}`, agentId, epoch: 1, attempt: 1 });
const verdict = (one: ReceiptRound, agentId = 'ann') => {
  const [first] = bidsOf([{ taskId: 't', rounds: [one] }], agentId);
  return first === undefined ? undefined : [first.outcome, first.why];
};

test('a bid that was outscored names the winner and its score', () => {
  const bids = [bid('bob', 1), bid('ann', 2)];
  expect(verdict(round({ bids, awards: [award('bob')] }))).toEqual(['lost', 'outscored by bob (89)']);
});

test('a bid that was refused says by what rule, whatever else happened', () => {
  const bids = [bid('bob', 1), bid('ann', 2, { refused: 'ALREADY_TRIED' })];
  expect(verdict(round({ bids, awards: [award('bob')] }))).toEqual(['refused', 'refused: already tried']);
});

test('a member of a team that the others made needless was dropped', () => {
  const bids = [bid('bob', 1), bid('ann', 2)];
  const teamSteps = [
    { agentId: 'bob', action: 'take' as const, skills: ['a'] },
    { agentId: 'ann', action: 'take' as const, skills: ['b'] },
    { agentId: 'ann', action: 'drop' as const, skills: ['b'] },
  ];
  expect(verdict(round({ bids, teamSteps, awards: [award('bob')] }))?.[1]).toMatch(/^left out again/);
});

test('a member of a team won by the skills that it covers', () => {
  const bids = [bid('bob', 1), bid('ann', 2)];
  const teamSteps = [
    { agentId: 'bob', action: 'take' as const, skills: ['a'] },
    { agentId: 'ann', action: 'take' as const, skills: ['b'] },
  ];
  const awarded = round({ bids, teamSteps, awards: [award('bob'), award('ann', 1)] });
  expect(verdict(awarded)).toEqual(['won', 'covers b']);
});

test('the only bid that stood won by that', () => {
  const bids = [bid('ann', 1), bid('bob', 2, { refused: 'OVERLOADED' })];
  expect(verdict(round({ bids, awards: [award('ann')] }))).toEqual(['won', 'the only bid that stood']);
});

test('a round that was not awarded leaves its bids open; one without a bid of the agent is left out', () => {
  expect(verdict(round({ bids: [bid('ann', 1)], outcome: 'waiting' }))).toEqual([
    'open',
    'the round was not awarded: waiting',
  ]);
  expect(verdict(round({ bids: [bid('bob', 1)] }))).toBeUndefined();
});

test('a receipt of a reassignment repeats bids of its round and is left out; the last round comes first', () => {
  const bids = [bid('ann', 1)];
  const rounds = [
    round({ round: 1, bids, outcome: 'waiting' }),
    round({ round: 2, bids, awards: [award('ann')] }),
    round({ round: 2, bids, outcome: 'reassigned' }),
  ];
  expect(bidsOf([{ taskId: 't', rounds }], 'ann').map((one) => one.round)).toEqual([2, 1]);
});
