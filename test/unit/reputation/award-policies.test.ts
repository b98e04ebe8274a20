import { expect, test } from 'vitest';
import type { PolicyBid } from '../../../src/contracts/award-policy.ts';
import { createAwardPolicies } from '../../../src/reputation/index.ts';
import { hash53 } from '../../../src/util/hash.ts';

const TASK = { id: '01890000-0000-7000-8000-000000000001', requiredSkills: ['a'] };

function bid(agentId: string, known: Partial<PolicyBid> = {}): PolicyBid {
  return { agentId, skills: ['a'], reputation: 100, loadPercent: 0, ...known };
}

function ranking(
  policy: string,
  bids: PolicyBid[],
  weights?: { reputation: number; skillMatch: number; load: number },
) {
  const policies = createAwardPolicies(weights === undefined ? {} : { weights });
  return policies
    .get(policy)!
    .rank(bids, TASK)
    .map((one) => one.bid.agentId);
}

test('the policies are weighted and reputation-first', () => {
  expect([...createAwardPolicies().keys()]).toEqual(['weighted', 'reputation-first']);
});

test('weighted ranks by 0.4, 0.4, 0.2: a free agent beats one of 9 more reputation at 20 % load', () => {
  expect(ranking('weighted', [bid('loaded', { reputation: 109, loadPercent: 20 }), bid('free')])).toEqual([
    'free',
    'loaded',
  ]);
});

test('weighted ranks by 0.4, 0.4, 0.2: 11 more reputation beat 20 % less load', () => {
  expect(ranking('weighted', [bid('free'), bid('loaded', { reputation: 111, loadPercent: 20 })])).toEqual([
    'loaded',
    'free',
  ]);
});

test('configured weights change weighted', () => {
  const bids = [bid('reputed', { reputation: 150, loadPercent: 79 }), bid('idle', { reputation: 0 })];
  expect(ranking('weighted', bids)).toEqual(['reputed', 'idle']);
  expect(ranking('weighted', bids, { reputation: 0, skillMatch: 0, load: 1 })).toEqual(['idle', 'reputed']);
});

test('configured weights do not change reputation-first', () => {
  const weights = createAwardPolicies({ weights: { reputation: 0, skillMatch: 0, load: 1 } });
  expect(weights.get('reputation-first')!.weights).toEqual({ reputation: 0.4, skillMatch: 0.6, load: 0 });
});

test('reputation-first looks at no load: one more point of reputation beats an idle agent', () => {
  const bids = [bid('idle'), bid('loaded', { reputation: 101, loadPercent: 79 })];
  expect(ranking('reputation-first', bids)).toEqual(['loaded', 'idle']);
});

test('of equal scores the higher reputation comes first', () => {
  const tied = [bid('low', { reputation: 100 }), bid('high', { reputation: 110, loadPercent: 20 })];
  const [first, second] = createAwardPolicies().get('weighted')!.rank(tied, TASK);
  expect(first!.score).toBe(second!.score);
  expect(first!.bid.agentId).toBe('high');
});

test('of equal scores and reputations the lower load comes first', () => {
  const bids = [bid('busy', { loadPercent: 50 }), bid('idle', { loadPercent: 25 })];
  expect(ranking('reputation-first', bids)).toEqual(['idle', 'busy']);
});

test('of equal scores, reputations and loads the smaller hash of task and agent comes first', () => {
  const agents = ['ann', 'bob', 'cyd', 'dee', 'eve'];
  const byHash = agents.toSorted((a, b) => hash53(`${TASK.id}:${a}`) - hash53(`${TASK.id}:${b}`));
  expect(
    ranking(
      'weighted',
      agents.map((agentId) => bid(agentId)),
    ),
  ).toEqual(byHash);
});

test('a tie is not the same agent’s on every task', () => {
  const policy = createAwardPolicies().get('weighted')!;
  const bids = [bid('ann'), bid('bob')];
  const winners = Array.from({ length: 50 }, (_, i) => policy.rank(bids, { ...TASK, id: `t${i}` })[0]!.bid.agentId);
  expect(new Set(winners)).toEqual(new Set(['ann', 'bob']));
});

test('ranking leaves the bids as they were and keeps what the bidder said', () => {
  const bids = [bid('ann', { confidence: 0.3 }), bid('bob', { reputation: 120 })];
  const before = structuredClone(bids);
  const ranked = createAwardPolicies().get('weighted')!.rank(bids, TASK);
  expect(bids).toEqual(before);
  expect(ranked[1]!.bid).toBe(bids[0]);
});
