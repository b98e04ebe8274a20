import type { AgentDefinition, ExecutionContext, SubtaskInput } from '../../contracts/agent-definition.ts';
import type { Skill } from '../../contracts/skill.ts';
import type { Json } from '../../util/json.ts';
import { McpConnection } from '../tools/mcp-connection.ts';
import { publishedAgentTool } from '../tools/published-agent-tool.ts';
import type { AgentTool } from '../tools/tool.ts';
import { converse } from './conversation.ts';
import { handoffTools, targetsOf } from './handoff-targets.ts';
import { memoryTools, recallFor } from './memory-tools.ts';
import { endpointFor } from './model-endpoint.ts';
import type { ModelSettings } from './model-settings.ts';
import { taskDataTools } from './task-data-tool.ts';
import { registerPersona, type Persona, type ThinkingAgentDefinition } from './thinking-agent.ts';

/**
 * An ordinary agent of the market whose work is done by a model. `defaults` stand in for what its `model` leaves open.
 */
export function createThinkingAgent(
  definition: ThinkingAgentDefinition,
  defaults: ModelSettings,
): Readonly<AgentDefinition> {
  const persona: Persona = { id: definition.id, definition, model: withDefaults(definition.model, defaults) };
  const { id, name, skills, domains, capacity, assess, onMessage } = definition;
  const agent: AgentDefinition = Object.freeze({
    id,
    skills,
    ...(name === undefined ? {} : { name }),
    ...(domains === undefined ? {} : { domains }),
    ...(capacity === undefined ? {} : { capacity }),
    ...(assess === undefined ? {} : { assess: assess.bind(definition) }),
    ...(onMessage === undefined ? {} : { onMessage: onMessage.bind(definition) }),
    execute: (subtask: SubtaskInput, context: ExecutionContext) => think(persona, subtask, context),
    health: async () => endpointFor(persona.model).healthy() && (await definition.health?.()) !== false,
  });
  registerPersona(agent, persona);
  return agent;
}

/** Another server than the default one is not given the default one's key and model. */
function withDefaults(own: Partial<ModelSettings> = {}, defaults: ModelSettings): ModelSettings {
  return own.baseUrl === undefined || own.baseUrl === defaults.baseUrl ? { ...defaults, ...own } : own;
}

/** @returns the delivery @throws Error that says why there is none */
export async function think(
  persona: Persona,
  subtask: SubtaskInput,
  context: ExecutionContext,
  draft?: unknown,
): Promise<Json> {
  const connections: McpConnection[] = [];
  const { market, signal } = context;
  try {
    const skills = await market.skills(subtask.skills);
    const memories = await recallFor(persona, market, queryOf(subtask), signal);
    return await converse({
      persona,
      subtask,
      context,
      skills,
      memories,
      schema: persona.definition.outputSchema ?? schemaOf(skills),
      toolsOf: (one) => toolsFor(one, subtask, context, connections),
      draft,
    });
  } finally {
    await Promise.all(connections.map((connection) => connection.close().catch(() => undefined)));
  }
}

async function toolsFor(
  persona: Persona,
  subtask: SubtaskInput,
  { market, signal }: ExecutionContext,
  connections: McpConnection[],
): Promise<AgentTool[]> {
  const { tools = [], mcpServers = [], publishedTools = [] } = persona.definition;
  const targets = targetsOf(persona.definition);
  await market.declareHandoffs(
    persona.id,
    targets.map((target) => target.id),
  );
  const published = publishedTools.length === 0 ? [] : await market.tools(publishedTools);
  const fromServers = await Promise.all(
    mcpServers.map(async (server) => {
      const connection = await McpConnection.open(server, signal);
      connections.push(connection);
      return connection.tools(signal);
    }),
  );
  return [
    ...tools,
    ...handoffTools(targets),
    ...taskDataTools(subtask.data),
    ...memoryTools(persona),
    ...published.map(publishedAgentTool),
    ...fromServers.flat(),
  ];
}

/** All skills of the subtask must be satisfied by the one delivery. */
function schemaOf(skills: readonly Skill[]): Record<string, unknown> | undefined {
  const schemas = skills.map((skill) => skill.outputSchema).filter((schema) => schema !== undefined);
  return schemas.length > 1 ? { allOf: schemas } : schemas[0];
}

function queryOf({ description, type, skills }: SubtaskInput): string {
  return description ?? [type, ...skills].join(' ');
}
