import { createThinkingAgent, type ThinkingAgentDefinition } from './agents/index.ts';
import { readProcessConfig } from './config.ts';
import type { AgentDefinition } from './contracts/agent-definition.ts';
import { MarketError } from './contracts/errors.ts';

export { bestBidder, defineTool, toolResult } from './agents/index.ts';
export type {
  AgentTool,
  McpServer,
  ModelSettings,
  ThinkingAgentDefinition,
  ToolContext,
  ToolDefinition,
} from './agents/index.ts';

/**
 * An agent that thinks with a model, ready for `servePool`. What its `model` leaves open is taken from OPENAI_BASE_URL,
 * OPENAI_API_KEY and OPENAI_MODEL.
 * @throws MarketError INVALID_REQUEST if neither names a server
 */
export function defineThinkingAgent(definition: ThinkingAgentDefinition): Readonly<AgentDefinition> {
  const { model: configured } = readProcessConfig();
  const own = definition.model;
  if (configured === undefined && own?.baseUrl === undefined && own?.apiKey === undefined) {
    throw new MarketError(
      'INVALID_REQUEST',
      `The agent "${definition.id}" has no model server. Set OPENAI_BASE_URL (as http://127.0.0.1:11434/v1 for Ollama) or ` +
        'OPENAI_API_KEY, or give it a `model` with a baseUrl or an apiKey.',
    );
  }
  return createThinkingAgent(definition, configured ?? {});
}
