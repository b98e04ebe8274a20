import type { SkillCheck } from '../../contracts/skill.ts';
import type { Evaluation } from './evaluation.ts';

export interface CheckedQuality {
  /** 0–100, two decimals: 100 × weight held / weight of all; null where there are no checks. */
  quality: number | null;
  /** Names, in the order of the checks. */
  failedChecks: string[];
}

/** A check holds if it evaluates to true; one that is anything else, or cannot be evaluated, does not. */
export function qualityOf(checks: readonly SkillCheck[], evaluations: readonly Evaluation[]): CheckedQuality {
  const holds = (i: number) => {
    const evaluation = evaluations[i];
    return evaluation?.kind === 'decided' && evaluation.holds;
  };
  const weightOf = (some: readonly SkillCheck[]) => some.reduce((sum, check) => sum + check.weight, 0);
  const held = checks.filter((_, i) => holds(i));
  const failedChecks = checks.filter((_, i) => !holds(i)).map((check) => check.name);
  if (checks.length === 0) return { quality: null, failedChecks };
  return { quality: Math.round((10_000 * weightOf(held)) / weightOf(checks)) / 100, failedChecks };
}
