import type { AwardWeights, ScoreParts } from './award.ts';

/** The policies that a market knows, the default first. */
export const AWARD_POLICIES = ['weighted', 'reputation-first'] as const;
export type AwardPolicyName = (typeof AWARD_POLICIES)[number];

/** One bid with what the market knows of its bidder. */
export interface PolicyBid {
  agentId: string;
  skills: string[];
  /** 0–150. */
  reputation: number;
  /** 0 or more; reserved slots by the market's own count. */
  loadPercent: number;
  confidence?: number;
  estimatedMs?: number;
  estimatedCostUsd?: number;
}

export interface RankedBid<Bid extends PolicyBid = PolicyBid> {
  bid: Bid;
  /** 0–100. */
  skillMatch: number;
  parts: ScoreParts;
  score: number;
}

/**
 * Ranks bids, best first. Pure: the same arguments give the same list, byte for byte, whatever the order of `bids`.
 * Ties never fall to the order of arrival.
 */
export interface AwardPolicy {
  name: string;
  weights: AwardWeights;
  /** A sentence for the receipt. */
  tieRule: string;
  rank<Bid extends PolicyBid>(
    bids: readonly Bid[],
    task: { id: string; requiredSkills: readonly string[] },
  ): RankedBid<Bid>[];
}
