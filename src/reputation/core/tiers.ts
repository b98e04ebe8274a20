import { TIERS, type Tier } from '../../contracts/agent.ts';
import { MAX_REPUTATION } from './ledger-rules.ts';

const TIER_FLOORS: Record<Tier, number> = {
  Elite: 130,
  Expert: 110,
  Competent: 90,
  Developing: 70,
  'Needs Improvement': 0,
};

/** The tier of a reputation of 0–150; a border belongs to the higher tier. */
export function tierOf(reputation: number): Tier {
  return TIERS.find((tier) => reputation >= TIER_FLOORS[tier]) ?? 'Needs Improvement';
}

/** The whole numbers of reputation that a tier holds, both ends included. */
export function tierRange(tier: Tier): { min: number; max: number } {
  const higher = TIERS[TIERS.indexOf(tier) - 1];
  return { min: TIER_FLOORS[tier], max: higher === undefined ? MAX_REPUTATION : TIER_FLOORS[higher] - 1 };
}
