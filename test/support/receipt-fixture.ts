import type { ReceiptRound, ScoredBid } from '../../src/contracts/award.ts';

/** A bid whose every figure agrees with the default weights 0.4, 0.4, 0.2, at the values given. */
export function scoredBid(values: {
  agentId: string;
  rank: number;
  skills: string[];
  reputation: number;
  skillMatch: number;
  loadPercent: number;
}): ScoredBid {
  const parts = {
    reputation: round6(values.reputation * 0.4),
    skillMatch: round6(values.skillMatch * 0.4),
    load: round6((100 - values.loadPercent) * 0.2),
  };
  return { ...values, pool: 'builtin', parts, score: round6(parts.reputation + parts.skillMatch + parts.load) };
}

export function receiptRound(bids: ScoredBid[], changes: Partial<ReceiptRound> = {}): ReceiptRound {
  return {
    round: 1,
    at: '2026-01-01T00:00:00.000Z',
    policy: 'weighted',
    weights: { reputation: 0.4, skillMatch: 0.4, load: 0.2 },
    tieRule: 'higher reputation, then lower load, then hash',
    requiredSkills: ['finance', 'seo'],
    complexity: 'moderate',
    outcome: 'awarded',
    bids,
    passes: [],
    passCounts: {},
    silentPools: [],
    teamSteps: [],
    awards: [],
    uncoveredSkills: [],
    ...changes,
  };
}

function round6(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
