import type { AgentDefinition, SubtaskInput } from '../../contracts/agent-definition.ts';
import type { Access, MergeMode, Propagation, Variables } from '../core/thinking/context-variables.ts';
import type { HandoffTarget } from '../tools/tool-result.ts';
import type { AgentTool } from '../tools/tool.ts';
import type { McpServer } from '../tools/mcp-server.ts';
import type { ModelSettings } from './model-settings.ts';

export interface ContextRules {
  /** What the agent's tools and instructions see. Default all. */
  read?: Access | undefined;
  /** What its tools may change. Default all. */
  write?: Access | undefined;
  /** How a change meets what is there. Default `shallow`. */
  merge?: MergeMode | undefined;
  /** Who else sees it; the first agent's rule holds for the conversation. Default `all`. */
  propagate?: Propagation | undefined;
}

export interface RunLimits {
  /** Answers of a model for one subtask, over all agents that have the conversation. Default 10. */
  maxTurns?: number | undefined;
  /** Default 32. */
  maxToolCalls?: number | undefined;
  /** Default 5. */
  maxHandoffs?: number | undefined;
  /** Whether an agent may get the conversation again. Default false. */
  allowCycles?: boolean | undefined;
  /** False: the calls of one answer run one after the other. Default true. */
  parallelTools?: boolean | undefined;
}

export type CacheRule = {
  /** `forever`: as long as the process lives and the memory has room. */
  keep: 'forever' | { ttlMs: number };
  /** The author's word that this skill's tasks hold nothing of one user: a kept answer is given to every owner. */
  holdsNoUserData: true;
};

export interface MemoryRules {
  /** How many memories are put before the model with each subtask. Default 5. */
  recall?: number | undefined;
  /** Makes memories comparable by meaning, where the database has pgvector. */
  embeddingModel?: string | undefined;
}

/** An agent that thinks with a model: what `defineThinkingAgent` takes. */
export interface ThinkingAgentDefinition extends Omit<AgentDefinition, 'execute'> {
  /** Who it is and how it works: the system message. A function is given the context variables that it may read. */
  instructions: string | ((variables: Readonly<Variables>, subtask: SubtaskInput) => string);
  /** Default: OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL. */
  model?: Partial<ModelSettings> | undefined;
  tools?: readonly AgentTool[] | undefined;
  /** Servers whose tools join the agent's. */
  mcpServers?: readonly McpServer[] | undefined;
  /** Tools published in the market that it may use. */
  publishedTools?: readonly string[] | 'all' | undefined;
  /** Agents that it may hand the conversation to, each a tool `transfer_to_<id>`; a function where they refer to each other. */
  handoffs?: readonly HandoffTarget[] | (() => readonly HandoffTarget[]) | undefined;
  /** What the conversation begins with; tools see it, the model does not. */
  contextVariables?: Variables | ((subtask: SubtaskInput) => Variables) | undefined;
  context?: ContextRules | undefined;
  /** JSON Schema of the delivery. Default: that of the subtask's skills. */
  outputSchema?: Record<string, unknown> | undefined;
  limits?: RunLimits | undefined;
  /** Answers to keep, by skill. Default: none. */
  cache?: Record<string, CacheRule> | undefined;
  memory?: MemoryRules | true | undefined;
}

/** One agent as a conversation needs it. */
export interface Persona {
  readonly id: string;
  readonly definition: ThinkingAgentDefinition;
  readonly model: ModelSettings;
}

const personas = new WeakMap<AgentDefinition, Persona>();

export function registerPersona(agent: AgentDefinition, persona: Persona): void {
  personas.set(agent, persona);
}

/** The thinking agent behind a definition; undefined for one that does not think. */
export function personaOf(agent: AgentDefinition): Persona | undefined {
  return personas.get(agent);
}
