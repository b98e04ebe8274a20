import type { Failure } from '../../../contracts/errors.ts';
import type { TaskResult, Warning } from '../../../contracts/task.ts';
import type { Command, Rejection } from '../commands.ts';
import type { RefusalReason } from '../task-machine.ts';
import type { TaskDraft } from '../task-draft.ts';
import type { SubtaskRecord } from '../task-record.ts';
import { carryOn, recordFailedAnswer, type FailedAnswer } from './settlement.ts';

type FinishSynthesis = Extract<Command, { kind: 'finish_synthesis' }>;

export function finishSynthesis(draft: TaskDraft, command: FinishSynthesis): RefusalReason | undefined {
  if (draft.status !== 'synthesizing') return 'NOT_NOW';
  if (draft.task.epoch !== command.epoch) return 'STALE';
  const blamed = draft.subtasks.filter(
    (subtask) => subtask.status === 'accepted' && command.rejections.some((rejection) => blames(rejection, subtask)),
  );
  if (blamed.length === 0) {
    complete(draft, command.result, command.warnings);
    return undefined;
  }
  draft.moveTo('running');
  const answers = blamed.map((subtask) => ({ subtask, answer: takeBack(draft, subtask, command.rejections) }));
  // Those at their end first: if they end the task, the others must not be given away any more.
  answers.sort((a, b) => Number(a.subtask.status === 'pending') - Number(b.subtask.status === 'pending'));
  for (const { subtask, answer } of answers) carryOn(draft, subtask, answer, command.successors.get(subtask.id) ?? []);
  return undefined;
}

function blames(rejection: Rejection, subtask: SubtaskRecord): boolean {
  return rejection.blame.some((skill) => subtask.skills.includes(skill));
}

/** A rule of severity `reject` was broken: the provisional verdict becomes a rejection. */
function takeBack(draft: TaskDraft, subtask: SubtaskRecord, rejections: readonly Rejection[]): FailedAnswer {
  const rejection = rejections.find((one) => blames(one, subtask));
  draft.effects.push({ kind: 'reverse_attempt', subtaskId: subtask.id, epoch: subtask.epoch, verdict: 'rejected' });
  Object.assign(subtask, { quality: null, qualitySource: null });
  const failure: Failure = { code: 'RULE_BROKEN', message: rejection?.message ?? 'A cross-validation rule was broken.' };
  const answer: FailedAnswer = { agentId: subtask.agentId ?? '', outcome: 'rejected', failure };
  recordFailedAnswer(draft, subtask, answer);
  return answer;
}

/** Completes the task with its result; deliveries that no rule took back are entered now (invariant 7). */
export function complete(draft: TaskDraft, result: TaskResult, warnings: Warning[]): void {
  if (draft.status !== 'synthesizing') draft.emit('task.synthesizing', { subtasks: draft.subtasks.map((one) => one.id) });
  for (const warning of warnings) draft.emit('validation.warning', { ...warning });
  const all = [...draft.task.warnings, ...warnings];
  draft.set({ warnings: all });
  enterProvisional(draft);
  const success =
    draft.subtasks.every((subtask) => subtask.status === 'accepted') &&
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
export function stop(draft: TaskDraft, status: 'cancelled' | 'expired', failure: Failure): undefined {
  closeDown(draft, failure.code);
  draft.end(status, null, failure);
  draft.emit(status === 'cancelled' ? 'task.cancelled' : 'task.expired', { ...failure });
  return undefined;
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
  }
  enterProvisional(draft);
  draft.effects.push({ kind: 'clear_board' });
}

function enterProvisional(draft: TaskDraft): void {
  for (const subtask of draft.subtasks) {
    if (subtask.status !== 'accepted') continue;
    const closing = draft.effects.find((one) => one.kind === 'close_attempt' && one.subtaskId === subtask.id);
    const entered = draft.effects.some((one) => one.kind === 'ledger' && one.entry.subtaskId === subtask.id && one.entry.outcome === 'accepted');
    const provisional = subtask.skills.some((skill) => draft.spec.blamableSkills.includes(skill));
    if (!provisional || entered) continue;
    if (closing?.kind === 'close_attempt') closing.verdict = 'accepted';
    else draft.effects.push({ kind: 'reverse_attempt', subtaskId: subtask.id, epoch: subtask.epoch, verdict: 'accepted' });
    draft.enter(subtask, 'accepted', null);
  }
}
