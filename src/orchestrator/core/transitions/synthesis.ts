import type { Failure } from '../../../contracts/errors.ts';
import type { Command, Rejection } from '../commands.ts';
import type { RefusalReason } from '../decision.ts';
import type { TaskDraft } from '../task-draft.ts';
import type { SubtaskRecord } from '../task-record.ts';
import { complete } from './ending.ts';
import { carryOn, recordFailedAnswer, type FailedAnswer } from './settlement.ts';

type FinishSynthesis = Extract<Command, { kind: 'finish_synthesis' }>;

export function finishSynthesis(draft: TaskDraft, command: FinishSynthesis): RefusalReason | undefined {
  if (draft.status !== 'synthesizing') return 'NOT_NOW';
  if (draft.task.epoch !== command.epoch) return 'STALE';
  const blamed = draft.subtasks.filter(
    (subtask) =>
      subtask.status === 'accepted' &&
      draft.mayBeTakenBack(subtask) &&
      command.rejections.some((rejection) => blames(rejection, subtask)),
  );
  if (blamed.length === 0) {
    // A verdict that was final stands: the broken rule is told all the same.
    complete(draft, command.result, [...command.warnings, ...command.rejections]);
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
  const failure: Failure = {
    code: 'RULE_BROKEN',
    message: rejection?.message ?? 'A cross-validation rule was broken.',
  };
  const answer: FailedAnswer = { agentId: subtask.agentId ?? '', outcome: 'rejected', failure };
  recordFailedAnswer(draft, subtask, answer);
  return answer;
}
