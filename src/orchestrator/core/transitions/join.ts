import type { Failure } from '../../../contracts/errors.ts';
import { isUnsettled, type TaskDraft } from '../task-draft.ts';
import type { SubtaskRecord } from '../task-record.ts';
import { fail } from './ending.ts';
import { advance } from './steps.ts';

/**
 * After something was settled: steps that waited for it move; and when nothing is left to settle, synthesis begins. With
 * nothing delivered there is nothing to put together.
 */
export function join(draft: TaskDraft): void {
  advance(draft);
  if (draft.status === 'synthesizing' || draft.subtasks.some(isUnsettled)) return;
  const accepted = draft.subtasks.filter((subtask) => subtask.status === 'accepted');
  const failed = draft.subtasks.filter((subtask) => subtask.status !== 'accepted' && subtask.status !== 'skipped');
  if (draft.workflow !== null && failed.length > 0) {
    if (!draft.spec.allowPartial || accepted.length === 0) return fail(draft, failureOfSteps(failed));
    warnOfFailed(draft, STEPS_RULE, accountOf(failed));
  } else if (failed.length > 0) {
    const failure = failed.find((subtask) => subtask.error !== null)?.error;
    if (accepted.length === 0)
      return fail(draft, failure ?? { code: 'AGENT_FAILED', message: 'No subtask was accepted.' });
    warnOfFailed(draft, PARTS_RULE, failed.map(nameAndReason).join(' '));
  }
  const epoch = draft.task.epoch + 1;
  draft.set({ epoch });
  draft.moveTo('synthesizing');
  draft.effects.push({ kind: 'begin_synthesis', epoch });
  draft.emit('task.synthesizing', { subtasks: accepted.map((subtask) => subtask.id) });
}

/** Names each step that failed by itself with its reason, then those that could not be begun for it. */
function failureOfSteps(failed: readonly SubtaskRecord[]): Failure {
  return { code: 'STEP_FAILED', message: accountOf(failed) };
}

function accountOf(failed: readonly SubtaskRecord[]): string {
  const isCause = ({ error }: SubtaskRecord) => error?.code !== 'DEPENDENCY_FAILED';
  const causes = failed.filter(isCause).map(({ stepId, error }) => `${stepId}: ${error?.message ?? 'it failed.'}`);
  const others = failed.filter((one) => !isCause(one)).map((one) => one.stepId);
  return [
    `Failed steps: ${causes.join(' ')}`,
    ...(others.length === 0 ? [] : [`Not begun: ${others.join(', ')}.`]),
  ].join(' ');
}

const nameAndReason = ({ skills, error }: SubtaskRecord) => `${skills.join(', ')}: ${error?.message ?? 'it failed.'}`;

/** Once, though a synthesis that takes a delivery back brings the task here again. */
function warnOfFailed(draft: TaskDraft, rule: string, account: string): void {
  const others = draft.task.warnings.filter((warning) => warning.rule !== rule);
  const warning = { rule, message: `Ended without them (allowPartial). ${account}`, blame: [] };
  draft.set({ warnings: [...others, warning] });
  draft.emit('validation.warning', warning);
}

const STEPS_RULE = 'steps';
const PARTS_RULE = 'parts';
