export { SwarmbidClient } from './client.ts';
export type { CallOptions, ClientOptions, PageOptions, ReadinessReport } from './client.ts';
export type { MarketListener } from './market-feed.ts';
export { SwarmbidError } from './swarmbid-error.ts';
export type { SwarmbidErrorCode } from './swarmbid-error.ts';
export { isFinalEvent } from './watch.ts';
export type { WatchOptions } from './watch.ts';
export type { AuditEntry, CreatedKey, KeyView } from '../contracts/access.ts';
export type { AgentStatus, AgentView, Tier } from '../contracts/agent.ts';
export type { AwardReceipt, ReceiptRound, ScoredBid } from '../contracts/award.ts';
export type { EventType, TaskEvent } from '../contracts/events.ts';
export type { HandoffEntry, HandoffReport, MemoryView } from '../contracts/handoff.ts';
export type {
  AgentReputation,
  LeaderboardRow,
  MarketSeries,
  MarketStats,
  MoversReport,
  TiersReport,
} from '../contracts/ledger.ts';
export type { MessageView } from '../contracts/message.ts';
export type { Page } from '../contracts/primitives.ts';
export type { Skill } from '../contracts/skill.ts';
export type { Escalation } from '../contracts/step.ts';
export type {
  SubtaskStatus,
  SubtaskView,
  TaskListItem,
  TaskResult,
  TaskStatus,
  TaskSubmission,
  TaskView,
} from '../contracts/task.ts';
export type { PublishedTool, ToolInput } from '../contracts/tool.ts';
