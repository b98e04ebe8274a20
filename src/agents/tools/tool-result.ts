import type { AgentDefinition } from '../../contracts/agent-definition.ts';
import type { Json } from '../../util/json.ts';

/** Whoever wins the bid for these skills: the market finds the agent that goes on. */
export class BestBidder {
  readonly skills: readonly string[];

  constructor(skills: readonly string[]) {
    if (skills.length === 0) throw new Error('a handoff to the best bidder needs at least one skill');
    this.skills = skills;
  }

  /** As handoffs are told and counted. */
  get id(): string {
    return `best-bidder:${this.skills.join('+')}`;
  }
}

/** Somebody that a conversation can be handed to. */
export type HandoffTarget = AgentDefinition | BestBidder;

/** What a tool may return instead of a plain value. */
export class ToolResult {
  /** What the model is told. */
  readonly value: unknown;
  /** Goes on with the conversation. */
  readonly agent: HandoffTarget | undefined;
  /** Changes of the context variables, by the agent's merge mode and within what it may write. */
  readonly contextVariables: Record<string, Json>;

  constructor(parts: {
    value?: unknown;
    agent?: HandoffTarget | undefined;
    contextVariables?: Record<string, Json> | undefined;
  }) {
    this.value = parts.value;
    this.agent = parts.agent;
    this.contextVariables = parts.contextVariables ?? {};
  }
}

/** What a tool returns to change context variables, or to hand the conversation on, beside its value. */
export function toolResult(parts: ConstructorParameters<typeof ToolResult>[0]): ToolResult {
  return new ToolResult(parts);
}

/** A target of handoffs: the market picks the agent, by award. */
export function bestBidder(...skills: string[]): BestBidder {
  return new BestBidder(skills);
}
