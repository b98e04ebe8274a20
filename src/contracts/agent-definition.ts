import type { AgentMarket } from './agent-market.ts';
import type { Announcement } from './bid.ts';
import type { Complexity, Maker } from './task.ts';
import type { Json } from '../util/json.ts';

/** What an agent is given to do: one subtask of a task, with the parent's data. */
export interface SubtaskInput {
  id: string;
  taskId: string;
  /** The task's type. */
  type: string;
  description?: string;
  /** The skill asked for; null for a task that requires none. */
  skill: string | null;
  /** All skills this subtask answers for: several for a simple task of several skills. */
  skills: string[];
  domain?: string;
  /** The task's. */
  complexity: Complexity;
  data: Record<string, unknown>;
  /** The other members of the team, by skill. */
  team: { agentId: string; skills: string[] }[];
  deadline?: string;
  timeoutMs: number;
  /** The attempt's share of the task's budget; what it uses beyond is not paid for. */
  budget?: { maxTokens?: number; maxCostUsd?: number };
  /** Of a task with steps: the step, and by their ids the deliveries of the steps that it depends on (a skipped one has none). */
  stepId?: string;
  dependencies?: Record<string, unknown>;
  /** Set when a review has sent this step back. */
  revision?: Revision;
}

/** Work that is to be done again, and why. */
export interface Revision {
  /** From 2. */
  iteration: number;
  /** This step's own delivery of the iteration before. */
  previous: unknown;
  /** What the reviewing step delivered. */
  notes: unknown;
  /** What the person wrote who asked for one more iteration. */
  decisionNote?: string;
}

/** A message from one agent to another about a task that both work on. */
export interface AgentMessage {
  id: string;
  taskId: string;
  from: string;
  /** Null for a message to the whole team. */
  to: string | null;
  topic: string;
  data: Json;
}

export interface AgentLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface ExecutionContext {
  /** Aborted when the attempt is cancelled, out of time, or lost to another replica. Stop then: nothing counts any more. */
  signal: AbortSignal;
  /** Tells watchers how far the work is, 0–100. Stored at most four times a second; the last one always. */
  progress(percent: number, note?: string): void;
  log: AgentLog;
  /** From 1; grows only when an agent has answered for an attempt. */
  attempt: number;
  /** `sub_<subtaskId>`, and `_<iteration>` after it for work that was sent back: the same for every run of that. Pass it on with effects of your own: work runs at least once. */
  idempotencyKey: string;
  /** Adds to the task's usage. */
  usage(used: { inputTokens?: number; outputTokens?: number; costUsd?: number }): void;
  /** Says what makes the delivery, a model or rules: it is recorded with the attempt. The last one counts. */
  madeBy(maker: Maker): void;
  /**
   * Asks another agent and waits for what its `onMessage` returns.
   * @throws Error with `code` ASK_TIMED_OUT (default after 5 000 ms), AGENT_NOT_FOUND, or ASK_FAILED if the other threw
   */
  ask(agentId: string, topic: string, data: Json, options?: { timeoutMs?: number }): Promise<Json>;
  /** Tells every member of the team; nobody answers. */
  publish(topic: string, data: Json): void;
  /** Skills' records, published tools, memory, handoffs. */
  market: AgentMarket;
}

export interface MessageContext {
  signal: AbortSignal;
  log: AgentLog;
  /** The task that the message is about. */
  task: { id: string; type: string; description?: string; data: Record<string, unknown> };
}

export interface SelfView {
  /** 100 × own running subtasks / capacity, in this process. */
  loadPercent: number;
  healthy: boolean;
}

/** An agent's own judgement of an announcement; `bid: false` is a pass with reason DECLINED unless another is given. */
export type Assessment =
  | { bid: true; confidence?: number; estimatedMs?: number; estimatedCostUsd?: number }
  | { bid: false; reason?: 'NO_SKILL' | 'UNHEALTHY' | 'OVERLOADED' | 'OUT_OF_DOMAIN' | 'DECLINED' };

/** An agent in code: what `defineAgent` takes. */
export interface AgentDefinition {
  id: string;
  name?: string;
  skills: string[];
  /** None: serves every domain. */
  domains?: string[];
  /** Subtasks at once per replica, default 4. */
  capacity?: number;
  /**
   * Takes the place of the market's self-assessment, whose result it is given. Must be quick: one that throws or takes
   * over 100 ms counts as a pass, reason UNHEALTHY.
   */
  assess?(announcement: Announcement, self: SelfView, standard: Assessment): Assessment | Promise<Assessment>;
  /** Does the work. What it returns is the delivery: any JSON value; throwing fails the attempt. */
  execute(subtask: SubtaskInput, context: ExecutionContext): unknown;
  /** Asked at every heartbeat; false or throwing makes the agent pass as UNHEALTHY. */
  health?(): boolean | Promise<boolean>;
  /** Answers another agent's `ask`, or hears its `publish` (the return value is then dropped). */
  onMessage?(message: AgentMessage, context: MessageContext): unknown;
}
