/**
 * Workflows of steps. A step is a subtask that stands from the task's submission on and waits, `hold`, until the steps that
 * it depends on are settled. Then, by the first of these that applies:
 *
 *  1. one of them failed: it fails too (DEPENDENCY_FAILED), and nothing else does;
 *  2. all of them were skipped, and there are some: it is skipped;
 *  3. it has conditions: it is held until they are settled, outside of the transaction; it is skipped if one does not hold;
 *  4. it is open for bids, and goes the way of every subtask.
 */
import type { Failure } from '../../../contracts/errors.ts';
import type { StepSpec } from '../../../contracts/step.ts';
import type { Command } from '../commands.ts';
import type { RefusalReason } from '../decision.ts';
import { isUnsettled, nameOf, type TaskDraft } from '../task-draft.ts';
import type { SubtaskRecord } from '../task-record.ts';

/** Lets every step move that waits for nothing more. Nothing without steps. */
export function advance(draft: TaskDraft): void {
  for (const step of draft.workflow?.order ?? []) {
    const subtask = draft.ofStep(step.id);
    if (subtask?.status === 'pending' && subtask.hold === 'dependencies') move(draft, step, subtask);
  }
  if (draft.workflow === null) return;
  // A delivery that nothing can take back any more is final.
  for (const subtask of draft.subtasks) if (!draft.mayBeTakenBack(subtask)) draft.conclude(subtask, 'accepted', null);
}

function move(draft: TaskDraft, step: StepSpec, subtask: SubtaskRecord): void {
  const dependencies = step.dependsOn.flatMap((id) => draft.ofStep(id) ?? []);
  const failed = dependencies.filter(
    (one) => !isUnsettled(one) && one.status !== 'accepted' && one.status !== 'skipped',
  );
  if (failed.length > 0) {
    const message = `It depends on ${failed.map((one) => one.stepId).join(', ')}, which failed.`;
    return failStep(draft, subtask, { code: 'DEPENDENCY_FAILED', message });
  }
  if (dependencies.some(isUnsettled)) return;
  if (dependencies.length > 0 && dependencies.every((one) => one.status === 'skipped')) {
    return skip(draft, subtask, 'DEPENDENCIES_SKIPPED');
  }
  if (draft.workflow?.conditionsOf(step).length === 0) open(draft, subtask);
  else subtask.hold = 'condition';
}

function open(draft: TaskDraft, subtask: SubtaskRecord): void {
  subtask.hold = null;
  draft.effects.push({ kind: 'open_board', ord: subtask.ord, skills: subtask.skills });
}

function skip(draft: TaskDraft, subtask: SubtaskRecord, reason: 'CONDITION' | 'DEPENDENCIES_SKIPPED'): void {
  Object.assign(subtask, { status: 'skipped', hold: null, finishedAt: draft.now } satisfies Partial<SubtaskRecord>);
  draft.emit('subtask.skipped', { ...nameOf(subtask), reason });
}

/** It ends without an agent having answered for it. */
export function failStep(draft: TaskDraft, subtask: SubtaskRecord, failure: Failure): void {
  Object.assign(subtask, {
    status: 'failed',
    hold: null,
    error: failure,
    finishedAt: draft.now,
  } satisfies Partial<SubtaskRecord>);
  draft.emit('subtask.failed', {
    ...nameOf(subtask),
    agentId: subtask.agentId,
    attempt: subtask.attempt,
    outcome: 'market_failure',
    ...failure,
    final: true,
  });
}

/** Whoever waits for the outcome is the caller's to move. */
export function settleConditions(
  draft: TaskDraft,
  { subtaskId, iteration, answer }: Extract<Command, { kind: 'settle_conditions' }>,
): RefusalReason | undefined {
  const subtask = draft.subtask(subtaskId);
  if (subtask === undefined) return 'UNKNOWN_SUBTASK';
  if (subtask.iteration !== iteration) return 'STALE';
  if (subtask.status !== 'pending' || subtask.hold !== 'condition') return 'NOT_NOW';
  if (answer.kind === 'hold') open(draft, subtask);
  else if (answer.kind === 'do_not_hold') skip(draft, subtask, 'CONDITION');
  else failStep(draft, subtask, { code: 'CONDITION_FAILED', message: answer.message });
  return undefined;
}

/** The step's work is to be done from the start; what it has delivered counts no more, at nobody's expense. */
export function restart(draft: TaskDraft, subtask: SubtaskRecord, reason: string): void {
  draft.conclude(subtask, 'market_failure', reason);
  const from = subtask.agentId;
  Object.assign(subtask, {
    status: 'pending',
    hold: 'dependencies',
    agentId: null,
    pool: null,
    attempt: 1,
    lostLeases: 0,
    tried: [],
    progressPercent: 0,
    quality: null,
    qualitySource: null,
    error: null,
    startedAt: null,
    finishedAt: null,
    iteration: subtask.iteration + 1,
    revises: null,
  } satisfies Partial<SubtaskRecord>);
  draft.emit('subtask.reassigned', {
    ...nameOf(subtask),
    from,
    to: null,
    reason,
    epoch: subtask.epoch,
    attempt: subtask.attempt,
    iteration: subtask.iteration,
  });
}
