import type { AgentDefinition } from '../../contracts/agent-definition.ts';
import type { Json } from '../../util/json.ts';
import { mergePatch } from '../core/thinking/merge-patch.ts';
import { think } from '../thinking/create-thinking-agent.ts';
import { endpointFor } from '../thinking/model-endpoint.ts';
import type { ModelSettings } from '../thinking/model-settings.ts';
import type { Persona } from '../thinking/thinking-agent.ts';
import { partOfContext } from './skill-work.ts';

const ROLES = new Map([
  ['marketing', 'You plan campaigns and write their copy.'],
  ['finance', 'You plan budgets and judge what they bring.'],
  ['insights', 'You explain what the numbers of the past say.'],
  ['support', 'You write answers, guides and documentation for customers.'],
]);

const WAY_OF_WORK =
  'A program has worked out the draft that you are shown by rules. Its figures are computed: leave them as they are. Its ' +
  'words come from templates: make them fit the task, and add what a reader needs to know. Answer with a JSON merge patch ' +
  '(RFC 7396) of the draft: only the members that you change or add, a list always whole, {} to change nothing. Invent no ' +
  'facts; name what you took for granted in "assumptions", a list of texts that holds those of the draft too.';

/**
 * A built-in agent that thinks: the figures are worked out by rules as ever, and what becomes of the words is the model's.
 * Each delivery says `method: 'model'`.
 */
export function thinkingVersionOf(rules: AgentDefinition, model: ModelSettings): AgentDefinition {
  const persona: Persona = {
    id: rules.id,
    model,
    definition: {
      ...rules,
      instructions: `${ROLES.get(rules.id) ?? ''} ${WAY_OF_WORK}`.trim(),
      outputSchema: { type: 'object' },
    },
  };
  return {
    ...rules,
    health: () => endpointFor(model).healthy(),
    execute: async (subtask, context) => {
      const draft = (await rules.execute(subtask, partOfContext(context, 0, 2))) as Json;
      const patch = await think(persona, subtask, partOfContext(context, 1, 2), draft);
      context.progress(100, 'done');
      return { ...asObject(mergePatch(draft, patch)), method: 'model' };
    },
  };
}

const asObject = (value: Json) => (typeof value === 'object' && !Array.isArray(value) ? value : {});
