/** What becomes of attempts whose lease or dispatch time has run out. */
import { presentAttempt, type LockedTask, type OpenAttempt } from './attempts.ts';
import type { Command, LossReason } from './commands.ts';
import type { SubtaskRecord, TaskRecord } from './task-record.ts';

/** An award that was dispatched this often and never claimed gets a new number: a dead job may block its id. */
const MAX_REQUEUES = 5;

/** An open attempt that was due when it was read. */
export interface DueAttempt {
  taskId: string;
  subtaskId: string;
  epoch: number;
  pool: string;
  claimed: boolean;
  requeues: number;
}

/** `again`: its job is put into the outbox once more, under the same id. `lost`: the lease, or the award, is lost. */
export function divideDue(
  due: readonly DueAttempt[],
  livePools: ReadonlySet<string>,
): { again: DueAttempt[]; lost: DueAttempt[] } {
  const again: DueAttempt[] = [];
  const lost: DueAttempt[] = [];
  for (const one of due) {
    const waits = !one.claimed && one.requeues < MAX_REQUEUES && livePools.has(one.pool);
    (waits ? again : lost).push(one);
  }
  return { again, lost };
}

export interface LostAttempt {
  taskId: string;
  locked: LockedTask;
  subtask: SubtaskRecord;
  /** A lost lease is nobody's fault. */
  failedAgent: null;
  reason: LossReason;
}

/** Nothing if it was claimed, prolonged or answered between the look-up and the lock. */
export function stillLost(
  { taskId, subtaskId, epoch }: DueAttempt,
  locked: LockedTask | undefined,
  now: Date,
): LostAttempt[] {
  const subtask = locked?.task.subtasks.find((one) => one.id === subtaskId);
  if (locked === undefined || subtask?.epoch !== epoch) return [];
  const attempt = presentAttempt(locked, subtask);
  if (attempt === undefined || attempt.outcome !== null || attempt.dueAt > now) return [];
  return [{ taskId, locked, subtask, failedAgent: null, reason: reasonOf(attempt) }];
}

/** A claim without a replica was handed back by it. */
function reasonOf({ claimedAt, replicaId }: OpenAttempt): LossReason {
  if (claimedAt === null) return 'UNCLAIMED';
  return replicaId === null ? 'HANDED_BACK' : 'LEASE_LOST';
}

/** Escalations that nobody has decided in time count as rejected. */
export function overdueDecisions(
  { id: taskId, escalations }: TaskRecord,
  now: Date,
): { taskId: string; command: Command }[] {
  return escalations
    .filter((one) => one.decision === undefined && Date.parse(one.dueAt) <= now.getTime())
    .map(({ subtaskId }) => ({
      taskId,
      command: { kind: 'decide', subtaskId, decision: 'reject', note: 'nobody decided in time.' },
    }));
}
