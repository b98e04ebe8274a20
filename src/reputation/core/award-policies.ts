import {
  AWARD_POLICIES,
  type AwardPolicy,
  type AwardPolicyName,
  type PolicyBid,
  type RankedBid,
} from '../../contracts/award-policy.ts';
import type { AwardWeights } from '../../contracts/award.ts';
import { hash53 } from '../../util/hash.ts';
import { scoreBid, skillMatch } from './scoring.ts';

const DEFAULT_WEIGHTS: AwardWeights = { reputation: 0.4, skillMatch: 0.4, load: 0.2 };
const REPUTATION_FIRST_WEIGHTS: AwardWeights = { reputation: 0.4, skillMatch: 0.6, load: 0 };

const TIE_RULE = 'higher reputation, then lower load, then the smaller hash of task id and agent id';

/**
 * The award policies by name. `weighted` is the default and the only one that `weights` changes; `reputation-first` is
 * 0.6 × skillMatch + 0.4 × reputation and does not look at load, except between equals.
 */
export function createAwardPolicies(options: { weights?: AwardWeights } = {}): ReadonlyMap<string, AwardPolicy> {
  const weights: Record<AwardPolicyName, AwardWeights> = {
    weighted: options.weights ?? DEFAULT_WEIGHTS,
    'reputation-first': REPUTATION_FIRST_WEIGHTS,
  };
  return new Map(AWARD_POLICIES.map((name) => [name, linearPolicy(name, weights[name])]));
}

function linearPolicy(name: string, weights: AwardWeights): AwardPolicy {
  return {
    name,
    weights,
    tieRule: TIE_RULE,
    rank: (bids, task) => {
      const scored = bids.map((bid) => ({
        ranked: scoreOf(bid, task.requiredSkills, weights),
        tie: hash53(`${task.id}:${bid.agentId}`),
      }));
      return scored.sort(byScoreThenTies).map((one) => one.ranked);
    },
  };
}

function scoreOf<Bid extends PolicyBid>(
  bid: Bid,
  requiredSkills: readonly string[],
  weights: AwardWeights,
): RankedBid<Bid> {
  const match = skillMatch(bid.skills, requiredSkills);
  const inputs = { reputation: bid.reputation, skillMatch: match, loadPercent: bid.loadPercent };
  return { bid, skillMatch: match, ...scoreBid(inputs, weights) };
}

interface Contender {
  ranked: RankedBid;
  tie: number;
}

/** A total order: two agents whose hashes collide still differ in their ids. */
function byScoreThenTies(a: Contender, b: Contender): number {
  return (
    b.ranked.score - a.ranked.score ||
    b.ranked.bid.reputation - a.ranked.bid.reputation ||
    a.ranked.bid.loadPercent - b.ranked.bid.loadPercent ||
    a.tie - b.tie ||
    (a.ranked.bid.agentId < b.ranked.bid.agentId ? -1 : 1)
  );
}
