import { finance } from './finance.ts';
import { insights } from './insights.ts';
import { marketing } from './marketing.ts';
import { support } from './support.ts';
import { thinkingVersionOf } from './thinking.ts';
import type { AgentDefinition } from '../../contracts/agent-definition.ts';
import type { ModelSettings } from '../thinking/model-settings.ts';

export { builtInSkills } from './skills.ts';

/** The pool that serves the built-in agents. */
export const BUILTIN_POOL = 'builtin';

/** Rule-based programs that work on a subtask's `data`, and say so in each delivery: `method: 'rule-based'`. */
export const builtInAgents: AgentDefinition[] = [marketing, finance, insights, support];

/** The same agents, thinking with a model: each delivery then says `method: 'model'`. */
export function thinkingBuiltInAgents(model: ModelSettings): AgentDefinition[] {
  return builtInAgents.map((agent) => thinkingVersionOf(agent, model));
}
