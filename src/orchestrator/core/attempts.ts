import type { SubtaskRecord, TaskRecord } from './task-record.ts';

/** An attempt that is not closed, as far as decisions depend on it. */
export interface OpenAttempt {
  subtaskId: string;
  epoch: number;
  taskId: string;
  agentId: string;
  pool: string;
  replicaId: string | null;
  claimedAt: Date | null;
  outcome: 'delivered' | 'failed' | 'timed_out' | null;
  dueAt: Date;
  changes: number;
}

/** A task under lock. */
export interface LockedTask {
  task: TaskRecord;
  /** Open attempts, by `attemptKey`. */
  attempts: ReadonlyMap<string, OpenAttempt>;
}

export function attemptKey(subtaskId: string, epoch: number): string {
  return `${subtaskId}:${epoch}`;
}

export function presentAttempt(locked: LockedTask, subtask: SubtaskRecord): OpenAttempt | undefined {
  return locked.attempts.get(attemptKey(subtask.id, subtask.epoch));
}
