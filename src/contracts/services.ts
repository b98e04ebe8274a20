/**
 * What the shell around the market (HTTP, live feed) asks of it. `app.ts` satisfies these with the domains' stores; every
 * method takes the caller where the answer depends on who asks, and answers NOT_FOUND for what belongs to another owner.
 */
import type { AuditEntry, CreatedKey, Feedback, KeyRequest, KeyView, Principal } from './access.ts';
import type { AgentChange, AgentRegistration, AgentView, Tier } from './agent.ts';
import type { AwardReceipt } from './award.ts';
import type { TaskEvent } from './events.ts';
import type {
  AgentReputation,
  LeaderboardRow,
  MarketSeries,
  MarketStats,
  MoversReport,
  TiersReport,
} from './ledger.ts';
import type { HandoffEntry, HandoffReport } from './handoff.ts';
import type { Page } from './primitives.ts';
import type { MessageView } from './message.ts';
import type { Skill, SkillBody } from './skill.ts';
import type { Memory } from './agent-market.ts';
import type { PublishedTool, ToolBody } from './tool.ts';
import type { EscalationAnswer } from './step.ts';
import type { ParsedTaskSubmission, TaskListItem, TaskStatus, TaskView } from './task.ts';

export interface PageQuery {
  limit: number;
  cursor?: string | undefined;
}

export interface TaskService {
  /**
   * Stores the task and its `task.accepted` event in one transaction and wakes the auction. With a key that this owner
   * used before: the stored task (`created: false`) if the body is the same, though its deadline may have passed since.
   * @throws MarketError INVALID_REQUEST (deadline not in the future, unknown policy, a rule that does not parse,
   *   steps that make no workflow), IDEMPOTENCY_KEY_REUSED
   */
  submit(
    principal: Principal,
    submission: ParsedTaskSubmission,
    idempotencyKey: string | undefined,
  ): Promise<{ task: TaskView; created: boolean }>;
  /** @throws MarketError NOT_FOUND */
  get(principal: Principal, taskId: string): Promise<TaskView>;
  /** Newest first. Items have neither `data` nor deliveries. @throws MarketError INVALID_REQUEST (cursor) */
  list(
    principal: Principal,
    query: PageQuery & { status?: TaskStatus | undefined; type?: string | undefined; agentId?: string | undefined },
  ): Promise<Page<TaskListItem>>;
  /** Events with `seq` over `after`, at most `limit`, in order. @throws MarketError NOT_FOUND */
  events(principal: Principal, taskId: string, after: number, limit: number): Promise<TaskEvent[]>;
  /** Status and last `seq`, for the feed. @throws MarketError NOT_FOUND */
  position(principal: Principal, taskId: string): Promise<{ status: TaskStatus; lastSeq: number }>;
  /** @throws MarketError NOT_FOUND */
  receipt(principal: Principal, taskId: string): Promise<AwardReceipt>;
  /** @throws MarketError NOT_FOUND, CONFLICT (ended already) */
  cancel(principal: Principal, taskId: string): Promise<TaskView>;
  /** Without `subtaskId`: for every subtask that has an accepted delivery. @throws MarketError NOT_FOUND, CONFLICT (given before, too late, nothing to rate) */
  feedback(principal: Principal, taskId: string, feedback: Feedback): Promise<TaskView>;
  /**
   * Answers an escalation; the same answer once more changes nothing.
   * @throws MarketError NOT_FOUND, INVALID_REQUEST (choice), CONFLICT (nothing to decide, or several and none named)
   */
  decide(principal: Principal, taskId: string, answer: EscalationAnswer): Promise<TaskView>;
  /** What its agents have said to each other, oldest first: at most 100 of each subtask. @throws MarketError NOT_FOUND */
  messages(principal: Principal, taskId: string, query: PageQuery): Promise<Page<MessageView>>;
}

export interface SkillCatalogue {
  list(query: PageQuery): Promise<Page<Skill>>;
  /** Creates or replaces. @throws MarketError INVALID_REQUEST (schema or expression that does not compile) */
  put(principal: Principal, id: string, body: SkillBody): Promise<Skill>;
}

/** Tools as data, which agents may use. */
export interface ToolCatalogue {
  /** Those on offer, each in its newest version. */
  list(query: PageQuery): Promise<Page<PublishedTool>>;
  /** Newest first, also of a withdrawn one. @throws MarketError NOT_FOUND */
  versions(name: string): Promise<Page<PublishedTool>>;
  /** Tries the tool, and publishes it as a new version. @throws MarketError INVALID_REQUEST (a fault in it, or the trial failed) */
  put(principal: Principal, name: string, body: ToolBody): Promise<PublishedTool>;
  /** It is offered no more; its versions stay. @throws MarketError NOT_FOUND */
  withdraw(principal: Principal, name: string): Promise<void>;
}

/** What agents that think leave behind. */
export interface AgentRecords {
  /** A task's handoffs in their order. The caller has seen to it that the task may be read. */
  handoffs(principal: Principal, taskId: string, query: PageQuery): Promise<Page<HandoffEntry>>;
  handoffReport(windowMs: number): Promise<HandoffReport>;
  /** Newest first: a submitter's own, an admin's of all owners. */
  memories(principal: Principal, agentId: string, query: PageQuery): Promise<Page<Memory>>;
  /** One, or all that the caller may see; for good. @throws MarketError NOT_FOUND if there is no such one */
  forget(principal: Principal, agentId: string, memoryId: string | undefined): Promise<void>;
}

export interface AgentDirectory {
  list(query: PageQuery): Promise<Page<AgentView>>;
  get(agentId: string): Promise<AgentView>;
  /** @throws MarketError CONFLICT (id taken) */
  register(principal: Principal, registration: AgentRegistration): Promise<AgentView>;
  change(principal: Principal, agentId: string, change: AgentChange): Promise<AgentView>;
  /** The agent gets no more work; its history stays. */
  retire(principal: Principal, agentId: string): Promise<void>;
}

export interface ReputationQueries {
  /** The newest 200 entries between `from` and `to`, newest first. @throws MarketError NOT_FOUND */
  ofAgent(
    principal: Principal,
    agentId: string,
    range: { from?: Date | undefined; to?: Date | undefined },
  ): Promise<AgentReputation>;
  leaderboard(
    query: PageQuery & { skill?: string | undefined; tier?: Tier | undefined },
  ): Promise<Page<LeaderboardRow>>;
  tiers(): Promise<TiersReport>;
  movers(windowMs: number): Promise<MoversReport>;
  stats(windowMs: number): Promise<MarketStats>;
  /** The window in at most `buckets` equal parts, of whole minutes or hours where they are that long; the last holds the present. */
  series(windowMs: number, buckets: number): Promise<MarketSeries>;
}

export interface KeyService {
  /** Who a token stands for. @throws MarketError UNAUTHENTICATED */
  authenticate(token: string | undefined): Promise<Principal>;
  /** @throws MarketError CONFLICT while no key is needed, for a first key that is not an admin's */
  create(principal: Principal, request: KeyRequest): Promise<CreatedKey>;
  list(query: PageQuery): Promise<Page<KeyView>>;
  revoke(principal: Principal, keyId: string): Promise<void>;
  /** Revokes every key of an owner; returns how many there were to revoke. */
  revokeAllOf(principal: Principal, ownerId: string): Promise<number>;
  adminKeyExists(): Promise<boolean>;
}

export interface AuditLog {
  /** Newest first. */
  list(query: PageQuery): Promise<Page<AuditEntry>>;
}

/** Tells the feed which tasks have new events: a hint; the events are in the store. */
export interface EventHints {
  onEvents(listener: EventHintListener): () => void;
}

/**
 * `lastSeq` by task id. Called after commit, and with an empty map after hints may have been lost: look everywhere.
 * `committed` answers for each of these tasks the last of its events, in order and without a gap, if this process has them
 * at hand: they need not be read.
 */
export type EventHintListener = (
  lastSeqByTask: ReadonlyMap<string, number>,
  committed?: (taskId: string) => readonly TaskEvent[],
) => void;

/** All events of all tasks, for admins: reads events newer than a cursor in commit order of hints. */
export interface EventReader {
  /**
   * For each position the events of its task with a seq over `afterSeq`, in order, at most `limitPerTask`; pages in the order
   * of `positions`. No owner is asked: callers have authorised the watch. One query for all, so that a feed under load reads many tasks at the cost of one.
   */
  readMany(positions: readonly { taskId: string; afterSeq: number }[], limitPerTask: number): Promise<TaskEvent[][]>;
}

export interface Readiness {
  /** Each store by name with null when it answers, else what is wrong. */
  check(): Promise<Record<string, string | null>>;
}

/** How much the market has to do, and how hard its database is to reach. */
export interface Backlog {
  /** Tasks that were accepted and have not ended. */
  openTasksByOwner: ReadonlyMap<string, number>;
  /** Parts that wait for bids. */
  waiting: number;
  /** How long the reading had to wait for a connection to the database. */
  poolWaitMs: number;
}
