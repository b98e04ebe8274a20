import type { Json } from '../util/json.ts';
import type { Skill } from './skill.ts';
import type { Usage } from './task.ts';
import type { PublishedTool } from './tool.ts';

/** One memory of an agent, and where it comes from. */
export interface Memory {
  id: string;
  agentId: string;
  /** Whose task it was made in: it is recalled in tasks of this owner only. */
  ownerId: string;
  text: string;
  taskId: string;
  subtaskId: string;
  at: string;
}

/** Of one agent, in the tasks of one owner. */
export interface AgentMemory {
  /** @throws Error if the text is empty or too long */
  remember(text: string, embedding?: readonly number[]): Promise<Memory>;
  /** The best matches first: by meaning where an embedding is given and the database can compare it, and by words. */
  recall(query: string, options: { limit: number; embedding?: readonly number[] | undefined }): Promise<Memory[]>;
  /** True if there was such a memory of this agent and owner. */
  forget(id: string): Promise<boolean>;
}

export const HANDOFF_REFUSALS = ['TOO_MANY_HANDOFFS', 'CYCLE', 'PING_PONG'] as const;
export type HandoffRefusal = (typeof HANDOFF_REFUSALS)[number];

/** A conversation that went, or was kept from going, from one agent to another. */
export interface HandoffNote {
  from: string;
  to: string;
  /** Null: it was made. */
  refused: HandoffRefusal | null;
  /** In the model's words, or empty. */
  reason: string;
}

/** Asks the market to find somebody who goes on with a conversation. */
export interface HandoffToMarket {
  skills: string[];
  description: string;
  /** Of the child task, beside the parent's `data`. */
  conversation: HandedConversation;
  /** How long it may take in all. */
  timeoutMs: number;
  budget: { maxTokens?: number | undefined; maxCostUsd?: number | undefined };
}

/** What a task brings whose work began elsewhere: `data.handoff`. */
export interface HandedConversation {
  /** Agents that had it, first to last. */
  chain: string[];
  messages: { from: string; text: string }[];
  contextVariables: Record<string, Json>;
}

/** What came of it; what it used counts in any case. */
export type HandedBack = { taskId: string; usage: Usage } & ({ ok: true; value: Json } | { ok: false; error: string });

/** What the market offers to an agent at work, beside messages. */
export interface AgentMarket {
  /** The market's records of those of `ids` that it has one of. */
  skills(ids: readonly string[]): Promise<Skill[]>;
  /** The tools of these names that are published, each in its newest version; `all` of them. */
  tools(names: readonly string[] | 'all'): Promise<PublishedTool[]>;
  /** @throws Error that says why there is no answer */
  callTool(tool: PublishedTool, args: Record<string, unknown>, signal: AbortSignal): Promise<Json>;
  memory: AgentMemory;
  /** Says to whom an agent may hand a conversation, so that routes which are never used can be found. */
  declareHandoffs(from: string, to: readonly string[]): Promise<void>;
  recordHandoff(note: HandoffNote): Promise<void>;
  /**
   * Announces the rest of the conversation as a task of the same owner and waits for its end.
   * @throws Error if it cannot be announced, or the signal is aborted
   */
  award(request: HandoffToMarket, signal: AbortSignal): Promise<HandedBack>;
}
