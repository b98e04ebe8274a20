/** What pools have written of attempts, as commands: under the lock of their tasks. */
import type { TaskResult, Usage, Warning } from '../../contracts/task.ts';
import type { LockedTask } from './attempts.ts';
import type { Command, Successor, Verdict } from './commands.ts';
import type { SubtaskRecord } from './task-record.ts';

/** An attempt as it was read before the lock was taken. */
export interface ReadAttempt {
  subtaskId: string;
  epoch: number;
  taskId: string;
  closed: boolean;
  claimedAt: Date | null;
  progressPercent: number | null;
  progressNote: string | null;
  usage: Usage;
  endedAt: Date | null;
}

/** What came of an attempt that has ended. */
export interface Judged {
  verdict: Verdict;
  /** Warnings and the result, for a task of one subtask. */
  sole: { result: TaskResult; warnings: Warning[] } | null;
  /** It is a review's delivery, and does not approve. */
  sendsBack?: boolean;
}

export interface PresentWork<Attempt> {
  attempt: Attempt;
  locked: LockedTask;
  subtask: SubtaskRecord;
}

/** Nothing if the attempt is over, or its task is gone. */
export function presentWork<Attempt extends ReadAttempt>(
  attempt: Attempt,
  locked: LockedTask | undefined,
): PresentWork<Attempt>[] {
  const subtask = locked?.task.subtasks.find((one) => one.id === attempt.subtaskId);
  if (locked === undefined || attempt.closed || attempt.claimedAt === null || subtask?.epoch !== attempt.epoch)
    return [];
  return [{ attempt, locked, subtask }];
}

export function settlementCommands(
  attempt: ReadAttempt,
  subtask: SubtaskRecord,
  judged: Judged | undefined,
  successors: readonly Successor[],
): Command[] {
  const { subtaskId, epoch, usage, progressPercent: percent, progressNote: note } = attempt;
  const startedAt = attempt.claimedAt ?? new Date(0);
  const begin: Command[] = subtask.status === 'awarded' ? [{ kind: 'start', subtaskId, epoch, at: startedAt }] : [];
  const told = percent === null || (judged !== undefined && percent === subtask.progressPercent);
  const before: Command[] = told ? begin : [...begin, { kind: 'progress', subtaskId, epoch, percent, note }];
  if (judged === undefined) return before;
  const endedAt = attempt.endedAt ?? startedAt;
  return [...before, { kind: 'deliver', subtaskId, epoch, startedAt, endedAt, usage, successors, ...judged }];
}
