/** The rows that a simulated store keeps, as far as the protocol depends on them. Instants are simulated milliseconds. */
import type { ReceiptRound } from '../../src/contracts/award.ts';
import type { LedgerEntryDraft } from '../../src/contracts/ledger.ts';
import type { Opening } from '../../src/orchestrator/core/closing.ts';
import type { Command } from '../../src/orchestrator/core/commands.ts';
import type { Decision } from '../../src/orchestrator/core/decision.ts';
import type { AttemptVerdict, DraftEvent, TaskRecord } from '../../src/orchestrator/core/task-record.ts';

export interface AttemptId {
  subtaskId: string;
  epoch: number;
}

/** What an agent hands in; no two are alike. */
export interface Value {
  text: string;
  quality: number | null;
  /** It breaks its skill's schema. */
  broken: boolean;
}

export type ReportedOutcome = 'delivered' | 'failed' | 'timed_out';

export interface Report extends AttemptId {
  replicaId: string;
  outcome: ReportedOutcome;
  value: Value | null;
}

export interface AttemptRow extends AttemptId {
  taskId: string;
  agentId: string;
  pool: string;
  dueMs: number;
  claimedMs: number | null;
  replicaId: string | null;
  progressPercent: number | null;
  outcome: ReportedOutcome | null;
  value: Value | null;
  endedMs: number | null;
  changes: number;
  seen: number;
  requeues: number;
  closed: boolean;
  verdict: AttemptVerdict | null;
  /** The value that its verdict was made from. */
  judgedBy: string | null;
}

export interface OpeningRow extends Omit<Opening, 'incapableMs'> {
  dueMs: number;
  parked: boolean;
  incapableMs: number;
  incapableSinceMs: number | null;
}

export interface Job {
  queue: string;
  jobId: string;
  data: ({ kind: 'subtask' } & AttemptId) | { kind: 'synthesis'; taskId: string; epoch: number };
}

export interface LedgerRow extends LedgerEntryDraft {
  id: number;
  foldSeq: number | null;
  before: number;
  after: number;
  told: boolean;
}

export interface TaskRow {
  record: TaskRecord;
  deadlineMs: number | null;
  synthesisDueMs: number;
  events: DraftEvent[];
  receipts: Map<number, ReceiptRound>;
}

/** One decision, as it was carried out. */
export interface Step {
  before: TaskRecord;
  command: Command;
  decision: Decision;
}

/** Whether a statement reached the store, and whether its sender was told: `unknown` is committed without an answer. */
export type Fate = 'ok' | 'error' | 'unknown';
