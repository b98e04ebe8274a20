import type { PublishedTool } from '../../contracts/tool.ts';
import { argumentFaults } from './argument-schema.ts';
import type { AgentTool } from './tool.ts';

/** A published tool as an agent holds it: the market carries the call out. */
export function publishedAgentTool(tool: PublishedTool): AgentTool {
  const { name, description, parameters, timeoutMs } = tool;
  return {
    name,
    description,
    parameters,
    timeoutMs,
    retries: 0,
    check: (args) => argumentFaults(parameters, args),
    run: (args, { market, signal }) => market.callTool(tool, args, signal),
  };
}
