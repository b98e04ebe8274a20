import type { AwardWeights, ScoreParts } from '../../contracts/award.ts';

/** The skill match of a task that requires no skill: neither for nor against anybody. */
const NO_SKILL_REQUIRED_MATCH = 50;
const ROUNDING = 1_000_000;

/**
 * Jaccard similarity of an agent's skills and the required ones, 0–100: `100 × |A ∩ R| / |A ∪ R|`; 50 when none are
 * required. It favours the specialist: skills that nobody asked for lower it. Repeated skills count once.
 */
export function skillMatch(agentSkills: readonly string[], requiredSkills: readonly string[]): number {
  if (requiredSkills.length === 0) return NO_SKILL_REQUIRED_MATCH;
  const own = new Set(agentSkills);
  const required = new Set(requiredSkills);
  let shared = 0;
  for (const skill of required) if (own.has(skill)) shared += 1;
  return (100 * shared) / (own.size + required.size - shared);
}

export interface ScoreInputs {
  /** Raw, 0–150. */
  reputation: number;
  /** 0–100. */
  skillMatch: number;
  /** 0 or more; counts as at most 100. */
  loadPercent: number;
}

/**
 * PRODUCT's formula: `w.reputation × reputation + w.skillMatch × skillMatch + w.load × (100 − loadPercent)`. Each part is
 * rounded to six decimals, and the score is the rounded sum of the parts shown, so that a reader can add them up.
 */
export function scoreBid(inputs: ScoreInputs, weights: AwardWeights): { parts: ScoreParts; score: number } {
  const freePercent = 100 - Math.min(100, Math.max(0, inputs.loadPercent));
  const parts = {
    reputation: round6(weights.reputation * inputs.reputation),
    skillMatch: round6(weights.skillMatch * inputs.skillMatch),
    load: round6(weights.load * freePercent),
  };
  return { parts, score: round6(parts.reputation + parts.skillMatch + parts.load) };
}

function round6(value: number): number {
  return Math.round(value * ROUNDING) / ROUNDING;
}
