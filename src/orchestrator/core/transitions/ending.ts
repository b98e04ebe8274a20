import type { Failure } from '../../../contracts/errors.ts';
import type { TaskResult, Warning } from '../../../contracts/task.ts';
import type { TaskDraft } from '../task-draft.ts';

/** Completes the task with its result; deliveries that no rule took back are entered now (invariant 7). */
export function complete(draft: TaskDraft, result: TaskResult, warnings: Warning[]): void {
  if (draft.status !== 'synthesizing')
    draft.emit('task.synthesizing', { subtasks: draft.subtasks.map((one) => one.id) });
  for (const warning of warnings) draft.emit('validation.warning', { ...warning });
  const all = [...draft.task.warnings, ...warnings];
  draft.set({ warnings: all });
  enterProvisional(draft);
  const success =
    draft.subtasks.every((subtask) => subtask.status === 'accepted' || subtask.status === 'skipped') &&
    draft.spec.requiredSkills.every((skill) => draft.subtasks.some((subtask) => subtask.skills.includes(skill)));
  const final: TaskResult = { ...result, success, warnings: all };
  draft.end('completed', final, null);
  draft.emit('task.completed', {
    success,
    contributors: final.contributors,
    quality: final.quality,
    durationMs: final.durationMs,
    sequentialMs: final.sequentialMs,
    speedup: final.speedup,
    warnings: all.length,
  });
}

export function fail(draft: TaskDraft, failure: Failure): void {
  closeDown(draft, 'TASK_ENDED');
  draft.end('failed', null, failure);
  draft.emit('task.failed', { ...failure });
}

/** Cancels or expires: what runs is fenced off, costs its agents nothing, and is recorded so. */
export function stop(draft: TaskDraft, status: 'cancelled' | 'expired', failure: Failure): void {
  closeDown(draft, failure.code);
  draft.end(status, null, failure);
  draft.emit(status === 'cancelled' ? 'task.cancelled' : 'task.expired', { ...failure });
}

/** Invariants 6 and 10: every open attempt is closed at the market's expense, and the board is cleared. */
function closeDown(draft: TaskDraft, reason: string): void {
  for (const subtask of draft.subtasks) {
    if (subtask.status === 'awarded' || subtask.status === 'running') {
      draft.closeAttempt(subtask, 'market_failure');
      draft.enter(subtask, 'market_failure', reason);
    }
    if (subtask.status === 'pending' || subtask.status === 'awarded' || subtask.status === 'running') {
      subtask.status = 'cancelled';
      subtask.finishedAt = draft.now;
    }
    subtask.hold = null;
  }
  enterProvisional(draft);
  draft.effects.push({ kind: 'clear_board' });
}

function enterProvisional(draft: TaskDraft): void {
  for (const subtask of draft.subtasks) draft.conclude(subtask, 'accepted', null);
}
