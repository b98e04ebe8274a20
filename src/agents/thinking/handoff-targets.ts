import type { AgentDefinition } from '../../contracts/agent-definition.ts';
import { BestBidder, ToolResult, type HandoffTarget } from '../tools/tool-result.ts';
import { defineTool, type AgentTool } from '../tools/tool.ts';
import { personaOf, type ThinkingAgentDefinition } from './thinking-agent.ts';

/** Tells an agent that was returned from a plain value. */
export function isHandoffTarget(value: unknown): value is HandoffTarget {
  if (value instanceof BestBidder) return true;
  return typeof value === 'object' && value !== null && personaOf(value as AgentDefinition) !== undefined;
}

export function targetsOf({ handoffs = [] }: ThinkingAgentDefinition): readonly HandoffTarget[] {
  return typeof handoffs === 'function' ? handoffs() : handoffs;
}

/** A tool for each target, by which the model hands the conversation on. */
export function handoffTools(targets: readonly HandoffTarget[]): AgentTool[] {
  return targets.map((target) =>
    defineTool({
      name: `transfer_to_${target.id.replaceAll(/[^a-zA-Z0-9_-]/g, '_')}`.slice(0, 64),
      description:
        target instanceof BestBidder
          ? `Hands the conversation to whichever agent of the market bids best for ${target.skills.join(', ')}.`
          : `Hands the conversation to ${target.name ?? target.id}, whose skills are ${target.skills.join(', ')}.`,
      parameters: {
        type: 'object',
        properties: { reason: { type: 'string', description: 'Why, in a sentence' } },
        additionalProperties: false,
      },
      run: () => new ToolResult({ agent: target }),
    }),
  );
}
