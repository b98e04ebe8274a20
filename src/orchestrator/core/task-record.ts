import type { Failure } from '../../contracts/errors.ts';
import type { BudgetShare } from './budget-share.ts';
import type { EventType } from '../../contracts/events.ts';
import type { LedgerEntryDraft } from '../../contracts/ledger.ts';
import type { ReceiptRound } from '../../contracts/award.ts';
import type { Escalation } from '../../contracts/step.ts';
import type {
  FinalTaskStatus,
  QualitySource,
  SubtaskStatus,
  TaskResult,
  TaskSpec,
  TaskStatus,
  TeamMember,
  Usage,
  Warning,
} from '../../contracts/task.ts';

/** A task as the machine sees it: what decisions depend on, without its data and deliveries. */
export type TaskRecord = OpenTask | EndedTask;

interface TaskBase {
  id: string;
  ownerId: string;
  spec: TaskSpec;
  /** Grows by one with every decision. */
  version: number;
  /** Fences synthesis: grows each time one is begun. */
  epoch: number;
  /** Rounds announced so far. */
  round: number;
  /** `seq` of the last event. */
  eventSeq: number;
  team: TeamMember[];
  subtasks: SubtaskRecord[];
  warnings: Warning[];
  usage: Usage;
  startedAt: Date | null;
  /** What a person was asked, oldest first; without a decision: is asked. */
  escalations: Escalation[];
}

export interface OpenTask extends TaskBase {
  status: Exclude<TaskStatus, FinalTaskStatus>;
  finishedAt: null;
  result: null;
  error: null;
}

export interface EndedTask extends TaskBase {
  status: FinalTaskStatus;
  finishedAt: Date;
  result: TaskResult | null;
  error: Failure | null;
}

export interface SubtaskRecord {
  id: string;
  ord: number;
  skills: string[];
  status: SubtaskStatus;
  agentId: string | null;
  pool: string | null;
  /** The fencing number: grows with every award and every lost lease. */
  epoch: number;
  /** Grows only when an agent answers for it; from 1 in each iteration. */
  attempt: number;
  lostLeases: number;
  /** Agents that answered for it and failed. */
  tried: string[];
  /** The round whose receipt its present or last award stands in. */
  round: number;
  progressPercent: number;
  quality: number | null;
  qualitySource: QualitySource | null;
  error: Failure | null;
  startedAt: Date | null;
  finishedAt: Date | null;
  /** Accepted, but its ledger entry is not made: the delivery may still be taken back or sent back. */
  provisional: boolean;
  /** The step it answers for; null where the market divided the task. */
  stepId: string | null;
  hold: Hold | null;
  /** From 1: how often the step's work has been begun from the start. */
  iteration: number;
  revises: Revises | null;
}

/**
 * What keeps a step from going on. `dependencies`, `condition`: pending, and not open for bids. `decision`: its review has
 * been delivered and sends back, but the iterations are used up.
 */
export type Hold = 'dependencies' | 'condition' | 'decision';

/** Where to find what a step that was sent back is to improve: its own delivery, and the review's. */
export interface Revises {
  epoch: number;
  by: string;
  byEpoch: number;
  /** A person's, who asked for one more iteration. */
  note?: string;
}

export interface DraftEvent {
  seq: number;
  type: EventType;
  at: Date;
  data: Record<string, unknown>;
}

/** What must happen together with a decision, in its transaction. */
export type Effect =
  | {
      kind: 'open_attempt';
      subtaskId: string;
      epoch: number;
      agentId: string;
      pool: string;
      attempt: number;
      timeoutMs: number;
      /** Its share of the task's budget. */
      budget: BudgetShare;
    }
  | { kind: 'close_attempt'; subtaskId: string; epoch: number; verdict: AttemptVerdict }
  | { kind: 'reverse_attempt'; subtaskId: string; epoch: number; verdict: AttemptVerdict }
  | { kind: 'open_board'; ord: number; skills: string[] }
  | { kind: 'close_board'; ord: number }
  | { kind: 'clear_board' }
  | { kind: 'delay_opening'; ord: number; delayMs: number; incapable: boolean }
  | { kind: 'receipt'; receipt: ReceiptRound }
  | { kind: 'ledger'; entry: Omit<LedgerEntryDraft, 'delta'> }
  | { kind: 'begin_synthesis'; epoch: number };

/** How an attempt was closed. `provisional`: accepted, but a rule may still take it back. */
export type AttemptVerdict = 'accepted' | 'provisional' | 'rejected' | 'failed' | 'timed_out' | 'market_failure';

/** The opening of the whole task, as against that of one subtask. */
export const WHOLE_TASK = -1;
