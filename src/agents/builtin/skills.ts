import { skillSchema } from '../../contracts/skill.ts';
import { financeSkills } from './finance-skills.ts';
import { insightsSkills } from './insights-skills.ts';
import { marketingSkills } from './marketing-skills.ts';
import { supportSkills } from './support-skills.ts';
import type { Skill } from '../../contracts/skill.ts';

/**
 * The market's records of the built-in agents' skills. Their checks are JSONata over `{task, value}`; they measure what
 * is delivered, by whomever, and a built-in agent with too little to go by fails some of them.
 */
export const builtInSkills: Skill[] = [...marketingSkills, ...financeSkills, ...insightsSkills, ...supportSkills].map(
  (skill) => skillSchema.parse(skill),
);
