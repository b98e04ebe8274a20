/** The package `swarmbid`: write agents, serve them, and talk to a market. */
export { defineAgent } from './sdk/define-agent.ts';
export {
  defineThinkingAgent,
  type AgentTool,
  type McpServer,
  type ModelSettings,
  type ThinkingAgentDefinition,
  type ToolContext,
  type ToolDefinition,
} from './define-thinking-agent.ts';
export { bestBidder, defineTool, toolResult } from './define-thinking-agent.ts';
export { servePool, type ServedPool, type ServePoolOptions } from './serve-pool.ts';
export * from './sdk/index.ts';
