import { finance } from './finance.ts';
import { insights } from './insights.ts';
import { marketing } from './marketing.ts';
import { support } from './support.ts';
import type { AgentDefinition } from '../../contracts/agent-definition.ts';

export { builtInSkills } from './skills.ts';

/** The pool that serves the built-in agents. */
export const BUILTIN_POOL = 'builtin';

/** Rule-based programs that work on a subtask's `data`, and say so in each delivery: `method: 'rule-based'`. */
export const builtInAgents: AgentDefinition[] = [marketing, finance, insights, support];
