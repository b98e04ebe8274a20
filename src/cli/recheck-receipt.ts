import type { ReceiptRound, ScoredBid } from '../sdk/index.ts';

/** Receipts round to six decimals; three rounded parts may be off by three halves of the last. */
const TOLERANCE = 2e-6;
/** Policies whose score is the weighted sum of the three values; of another only the sum of its parts is checked. */
const LINEAR_POLICIES: ReadonlySet<string> = new Set(['weighted', 'reputation-first']);

export interface Mismatch {
  round: number;
  agentId: string;
  /** What does not agree: one of the parts, the score, the skill match, or the rank. */
  what: 'reputation' | 'skillMatch' | 'load' | 'score' | 'skillOverlap' | 'rank';
  stated: number;
  computed: number;
}

/** `100 − load`, load taken as 0–100. */
export function freePercent(bid: Pick<ScoredBid, 'loadPercent'>): number {
  return 100 - Math.min(100, Math.max(0, bid.loadPercent));
}

/**
 * Computes a round's scores and ranks anew, from the values that the receipt states. Empty: everything agrees. Refused bids
 * have no score to speak of and are left out.
 */
export function recheckRound(round: ReceiptRound): Mismatch[] {
  const ranked = round.bids.filter((bid) => bid.refused === undefined);
  return [...ranked.flatMap((bid) => recheckBid(round, bid)), ...recheckRanks(round, ranked)];
}

function recheckBid(round: ReceiptRound, bid: ScoredBid): Mismatch[] {
  const { parts, agentId } = bid;
  const stated = (what: Mismatch['what'], value: number, computed: number): Mismatch[] =>
    Math.abs(value - computed) <= TOLERANCE ? [] : [{ round: round.round, agentId, what, stated: value, computed }];
  const sum = stated('score', bid.score, parts.reputation + parts.skillMatch + parts.load);
  if (!LINEAR_POLICIES.has(round.policy)) return sum;
  const { weights } = round;
  return [
    ...stated('skillOverlap', bid.skillMatch, overlapPercent(bid.skills, round.requiredSkills)),
    ...stated('reputation', parts.reputation, bid.reputation * weights.reputation),
    ...stated('skillMatch', parts.skillMatch, bid.skillMatch * weights.skillMatch),
    ...stated('load', parts.load, freePercent(bid) * weights.load),
    ...sum,
  ];
}

/** Jaccard of the agent's and the required skills, in percent; 50 when none are required. */
function overlapPercent(skills: readonly string[], required: readonly string[]): number {
  if (required.length === 0) return 50;
  const wanted = new Set(required);
  const shared = skills.filter((skill) => wanted.has(skill)).length;
  return (100 * shared) / new Set([...skills, ...required]).size;
}

/** Ranks count from 1 without gaps, and no bid has a higher score than one ranked before it. */
function recheckRanks(round: ReceiptRound, ranked: readonly ScoredBid[]): Mismatch[] {
  const byRank = [...ranked].sort((one, other) => one.rank - other.rank);
  const fault = (bid: ScoredBid, computed: number): Mismatch => ({
    round: round.round,
    agentId: bid.agentId,
    what: 'rank',
    stated: bid.rank,
    computed,
  });
  return byRank.flatMap((bid, index) => {
    const before = byRank[index - 1];
    const outOfOrder = before !== undefined && bid.score > before.score + TOLERANCE;
    return bid.rank !== index + 1 || outOfOrder ? [fault(bid, outOfOrder ? index : index + 1)] : [];
  });
}
