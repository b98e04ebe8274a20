import type { Trx } from '../db/database.ts';
import type { LedgerEntryDraft } from '../contracts/ledger.ts';
import type { Rule, TaskResult, Warning } from '../contracts/task.ts';
import type { Statement } from '../db/pipeline.ts';
import type { Rejection } from './core/commands.ts';

/** What the orchestrator needs of the other domains; `app.ts` satisfies it. */

/** The ledger, for settlements. */
export interface Ledger {
  /**
   * The statement that appends an entry for each draft, to be sent within the settlement's own transaction. An entry whose
   * effect key exists already is left as it is.
   */
  appending(drafts: readonly Omit<LedgerEntryDraft, 'delta'>[]): Statement;
}

export interface FoldedEntry {
  agentId: string;
  taskId: string;
  subtaskId: string;
  outcome: string;
  delta: number;
  before: number;
  after: number;
  tier: string;
  tierBefore: string;
  foldSeq: number;
  reason: string | null;
  quality: number | null;
}

/** Folds entries into reputations, each once; an empty list when none is left. */
export interface ReputationFold {
  foldOnce(): Promise<FoldedEntry[]>;
  /** Folded entries that were not told as events yet, oldest first. */
  untold(limit: number): Promise<FoldedEntry[]>;
  /** In the transaction that tells them: marks entries, and returns the `foldSeq` of those that nobody has told before. */
  markTold(trx: Trx, foldSeqs: readonly number[]): Promise<Set<number>>;
}

export interface TaskForJudging {
  id: string;
  type: string;
  description?: string;
  requiredSkills: string[];
  data: Record<string, unknown>;
}

export interface DeliveredPart {
  skills: string[];
  /** Null where the market divided the task. */
  stepId: string | null;
  agentId: string;
  value: unknown;
  quality: number | null;
  startedAt: Date;
  finishedAt: Date;
}

/** Checks deliveries and puts them together. It sees no store: what it judges by is given to it. */
export interface Synthesis {
  /** True if a skill of these has a schema or checks: only then is the task's data worth reading. */
  judges(skills: readonly string[]): Promise<boolean>;
  judge(input: {
    task: TaskForJudging;
    skills: readonly string[];
    value: unknown;
  }): Promise<
    | { accepted: true; quality: number | null; qualitySource: 'check' | null }
    | { accepted: false; code: 'SCHEMA_MISMATCH'; message: string }
  >;
  crossValidate(input: {
    task: TaskForJudging;
    rules: readonly Rule[];
    deliveries: Record<string, unknown>;
  }): Promise<{ warnings: Warning[]; rejections: Rejection[] }>;
  merge(input: {
    taskId: string;
    taskType: string;
    parts: readonly DeliveredPart[];
    warnings: Warning[];
    allAccepted: boolean;
  }): TaskResult;
  /** Accepted deliveries by skill, as rules see them, and by step; that of a part without skills by the task's type. */
  deliveriesBySkill(
    taskType: string,
    parts: readonly { skills: readonly string[]; stepId: string | null; value: unknown }[],
  ): Record<string, unknown>;
  /** Rules of a task type that brings none of its own. */
  rulesForType(type: string): Rule[];
  /** What each of these expressions comes to over `{task, deliveries}`: true, false, or what is wrong with it. */
  evaluate(input: {
    task: TaskForJudging;
    expressions: readonly string[];
    deliveries: Record<string, unknown>;
  }): Promise<(boolean | { fault: string })[]>;
  /** Makes `compileError` and `deliveriesNamed` of these expressions cheap, without holding up the thread. */
  readAhead(expressions: readonly string[]): Promise<void>;
  /** Null if the expression can be compiled, else what is wrong with it. */
  compileError(expression: string): string | null;
  /** The deliveries that an expression names, which compiles. */
  deliveriesNamed(expression: string): readonly string[];
}
