import type { DraftEvent, Effect, TaskRecord } from './task-record.ts';

/**
 * Why a command changes nothing. ENDED: the task is final. STALE: of another epoch or round than the present one.
 * UNKNOWN_SUBTASK: the task has no such subtask. NOT_NOW: the state does not take this command.
 */
export type RefusalReason = 'ENDED' | 'STALE' | 'UNKNOWN_SUBTASK' | 'NOT_NOW';

export type Decision =
  { ok: true; task: TaskRecord; events: DraftEvent[]; effects: Effect[] } | { ok: false; refusal: RefusalReason };
