import type { Skill } from '../../contracts/skill.ts';

export type SkillRecord = Pick<Skill, 'id' | 'description' | 'checks'> & { outputSchema: Record<string, unknown> };

export const LIST_OF_TEXTS = { type: 'array', items: { type: 'string' } };

/** An object with members of these types, where they are there: other agents of the skill may deliver more, or less. */
export function objectWith(properties: Record<string, unknown>): Record<string, unknown> {
  return { type: 'object', properties: { assumptions: LIST_OF_TEXTS, ...properties } };
}

/** JSONata: every item of `path` fulfils `predicate`, and there is at least one. */
export function everyItem(path: string, predicate: string): string {
  return `$count(${path}) > 0 and $count(${path}[${predicate}]) = $count(${path})`;
}

/** JSONata: no segment that the brief lists is missing among `covered`. */
export function everySegmentOfTheBrief(covered: string): string {
  return (
    `($have := ${covered}; $asked := task.data.brief.segments.($type($) = "object" ? segment : $); ` +
    '$count($asked[$not($ in $have)]) = 0)'
  );
}

/** JSONata: the amount is within the brief's budget, or there is none. */
export function withinBudget(amount: string): string {
  return `$exists(task.data.brief.budget) ? ${amount} <= task.data.brief.budget : true`;
}

/** JSONata: all values of `path` differ, and there is at least one. */
export function allDiffer(path: string): string {
  return `$count(${path}) > 0 and $count($distinct(${path})) = $count(${path})`;
}
