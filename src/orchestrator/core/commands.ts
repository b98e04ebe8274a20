import type { ReceiptRound, ScoredBid } from '../../contracts/award.ts';
import type { FailureCode } from '../../contracts/errors.ts';
import type { EscalationAnswer } from '../../contracts/step.ts';
import type { QualitySource, TaskResult, Usage, Warning } from '../../contracts/task.ts';
import type { MergedReply, RoundOutcome, RoundReceipt } from './round.ts';

/** Somebody who may take a subtask over, in rank order, by the bid that it made in an earlier round. */
export interface Successor {
  agentId: string;
  pool: string;
  /** As it was ranked in that round. */
  bid: ScoredBid;
  /** That round, and by what it was ranked. */
  basis: Pick<ReceiptRound, 'round' | 'policy' | 'weights' | 'tieRule' | 'requiredSkills' | 'complexity'>;
}

export type Verdict =
  | { kind: 'accepted'; quality: number | null; qualitySource: QualitySource | null }
  | { kind: 'rejected' | 'failed' | 'timed_out'; code: FailureCode; message: string };

export interface Rejection {
  rule: string;
  message: string;
  /** Skills whose delivery is taken back. */
  blame: string[];
}

export type ConditionsAnswer = { kind: 'hold' } | { kind: 'do_not_hold' } | { kind: 'fault'; message: string };

interface OfAttempt {
  subtaskId: string;
  epoch: number;
}

/** `HANDED_BACK`: the process that held the work was told to stop. Only a lost lease is a sign of work that kills its hosts. */
export type LossReason = 'LEASE_LOST' | 'UNCLAIMED' | 'HANDED_BACK';

export type Command =
  /** `ord` of the subtask that is auctioned anew, or WHOLE_TASK. */
  | { kind: 'announce'; ord: number }
  | {
      kind: 'close_round';
      ord: number;
      round: number;
      outcome: RoundOutcome;
      receipt: RoundReceipt;
      replies: readonly MergedReply[];
      /** Pool of each agent that is awarded something. */
      pools: ReadonlyMap<string, string>;
      /** Announcements of this opening before, for the back-off. */
      tries: number;
      /** For how long no active agent has had a required skill, up to now. */
      incapableMs: number;
    }
  | ({ kind: 'start'; at: Date } & OfAttempt)
  | ({ kind: 'progress'; percent: number; note: string | null } & OfAttempt)
  | ({
      kind: 'deliver';
      startedAt: Date;
      endedAt: Date;
      verdict: Verdict;
      usage: Usage;
      /** Warnings and the result, for a task of one subtask: it is synthesised inside its settlement. */
      sole: { result: TaskResult; warnings: Warning[] } | null;
      /** The delivery is a review's, and does not approve. */
      sendsBack?: boolean;
      successors: readonly Successor[];
    } & OfAttempt)
  | ({ kind: 'lose_lease'; reason: LossReason; successors: readonly Successor[] } & OfAttempt)
  | {
      kind: 'finish_synthesis';
      epoch: number;
      result: TaskResult;
      warnings: Warning[];
      rejections: Rejection[];
      successors: ReadonlyMap<string, readonly Successor[]>;
    }
  /** What the conditions of a step have come to; `fault` where nobody could tell. */
  | { kind: 'settle_conditions'; subtaskId: string; iteration: number; answer: ConditionsAnswer }
  | ({ kind: 'decide'; subtaskId: string } & Pick<EscalationAnswer, 'decision' | 'choice' | 'note'>)
  | { kind: 'cancel' }
  | { kind: 'expire' }
  | { kind: 'say'; message: { from: string; to: string | null; topic: string; subtaskId: string } }
  | {
      kind: 'record_reputation';
      change: { agentId: string; before: number; after: number; delta: number; [detail: string]: unknown };
    };
