import type { Failure } from '../../../contracts/errors.ts';
import type { Command, Rejection } from '../commands.ts';
import type { RefusalReason } from '../decision.ts';
import type { TaskDraft } from '../task-draft.ts';
import type { SubtaskRecord } from '../task-record.ts';
import { isFinal } from '../../../contracts/task.ts';
import { complete } from './ending.ts';
import { carryOn, recordFailedAnswer, type FailedAnswer } from './settlement.ts';
import { advance, restart } from './steps.ts';

type FinishSynthesis = Extract<Command, { kind: 'finish_synthesis' }>;

export function finishSynthesis(draft: TaskDraft, command: FinishSynthesis): RefusalReason | undefined {
  if (draft.status !== 'synthesizing') return 'NOT_NOW';
  if (draft.task.epoch !== command.epoch) return 'STALE';
  const blamed = draft.subtasks.filter(
    (subtask) =>
      subtask.status === 'accepted' &&
      subtask.provisional &&
      command.rejections.some((rejection) => isBlamed(rejection, subtask)),
  );
  if (blamed.length === 0) {
    // A verdict that was final stands: the broken rule is told all the same.
    complete(draft, command.result, [...command.warnings, ...command.rejections]);
    return undefined;
  }
  draft.moveTo('running');
  const waiting = restartBuiltOn(draft, blamed);
  const answers = blamed.map((subtask) => ({ subtask, answer: takeBack(draft, subtask, command.rejections) }));
  // Those at their end first: if they end the task, the others must not be given away any more.
  answers.sort((a, b) => Number(a.subtask.status === 'pending') - Number(b.subtask.status === 'pending'));
  for (const { subtask, answer } of answers) {
    if (waiting.has(subtask.id)) holdBack(subtask);
    else carryOn(draft, subtask, answer, command.successors.get(subtask.id) ?? []);
  }
  if (!isFinal(draft.status)) advance(draft);
  return undefined;
}

/** True if a rule blames the subtask, by one of its skills or by its step. */
export function isBlamed(rejection: Pick<Rejection, 'blame'>, { skills, stepId }: SubtaskRecord): boolean {
  return rejection.blame.some((name) => skills.includes(name) || name === stepId);
}

/** Steps that were built on what is taken back begin anew; of the blamed ones, those that must wait for that are returned. */
function restartBuiltOn(draft: TaskDraft, blamed: readonly SubtaskRecord[]): Set<string> {
  const built = new Set(blamed.flatMap(({ stepId }) => draft.workflow?.downstreamOf(stepId ?? '') ?? []));
  const subtasks = draft.subtasks.filter(({ stepId }) => stepId !== null && built.has(stepId));
  for (const subtask of subtasks) {
    const stood = subtask.status === 'accepted' || subtask.status === 'skipped';
    if (stood && !blamed.includes(subtask)) restart(draft, subtask, 'INPUT_TAKEN_BACK');
  }
  return new Set(subtasks.filter((one) => blamed.includes(one)).map((one) => one.id));
}

/** It has answered, and was wrong; but what it built on is wrong too. */
function holdBack(subtask: SubtaskRecord): void {
  if (subtask.status !== 'pending') return;
  Object.assign(subtask, {
    hold: 'dependencies',
    attempt: subtask.attempt + 1,
    agentId: null,
    pool: null,
    progressPercent: 0,
    startedAt: null,
    finishedAt: null,
  } satisfies Partial<SubtaskRecord>);
}

/** A rule of severity `reject` was broken: the provisional verdict becomes a rejection. */
function takeBack(draft: TaskDraft, subtask: SubtaskRecord, rejections: readonly Rejection[]): FailedAnswer {
  const rejection = rejections.find((one) => isBlamed(one, subtask));
  draft.reverse(subtask, 'rejected');
  Object.assign(subtask, { quality: null, qualitySource: null });
  const failure: Failure = {
    code: 'RULE_BROKEN',
    message: rejection?.message ?? 'A cross-validation rule was broken.',
  };
  const answer: FailedAnswer = { agentId: subtask.agentId ?? '', outcome: 'rejected', failure };
  recordFailedAnswer(draft, subtask, answer);
  return answer;
}
