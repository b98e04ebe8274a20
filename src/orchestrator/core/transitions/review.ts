/**
 * Review loops. A step with `review` judges an earlier step. When it has delivered and does not approve, its loop (the
 * reviewed step, the review, and what lies between) is begun again, with the review's delivery as notes; at most
 * `maxIterations` times in all. Then the loop fails, or a person decides: approve it as it stands, reject it, or grant one
 * more iteration. Deliveries of a loop are provisional until it is approved: of each step, one is entered as accepted.
 */
import type { Failure } from '../../../contracts/errors.ts';
import type { Escalation, StepSpec } from '../../../contracts/step.ts';
import type { Command } from '../commands.ts';
import type { RefusalReason } from '../decision.ts';
import type { TaskDraft } from '../task-draft.ts';
import type { SubtaskRecord } from '../task-record.ts';
import { failStep, restart } from './steps.ts';

/** An escalation that nobody has decided for so long counts as rejected. */
const DECISION_TIME_MS = 7 * 24 * 3_600_000;
const AGAIN = 'again';
const SENT_BACK = 'SENT_BACK';

/** A review has been delivered that does not approve; it is held for a decision. */
export function sendBack(draft: TaskDraft, subtask: SubtaskRecord): void {
  const step = stepOf(draft, subtask);
  if (step?.review === undefined) return;
  const { maxIterations, escalate, of } = step.review;
  if (subtask.iteration < maxIterations) return again(draft, step, subtask, undefined);
  const message = `"${step.id}" did not approve "${of}" in ${subtask.iteration} iterations.`;
  if (escalate) ask(draft, step, subtask, message);
  else failLoop(draft, step, { code: 'REVIEW_EXHAUSTED', message });
}

const stepOf = (draft: TaskDraft, { stepId }: SubtaskRecord) =>
  stepId === null ? undefined : draft.workflow?.step(stepId);

const loopOf = (draft: TaskDraft, step: StepSpec) =>
  draft.workflow?.loopOf(step).flatMap((id) => draft.ofStep(id) ?? []) ?? [];

function again(draft: TaskDraft, step: StepSpec, review: SubtaskRecord, note: string | undefined): void {
  const reviewed = draft.ofStep(step.review?.of ?? '');
  const revises =
    reviewed === undefined
      ? null
      : { epoch: reviewed.epoch, by: review.id, byEpoch: review.epoch, ...(note === undefined ? {} : { note }) };
  for (const one of loopOf(draft, step)) restart(draft, one, SENT_BACK);
  if (reviewed !== undefined) reviewed.revises = revises;
}

/** A loop that ends without approval has delivered nothing. */
function failLoop(draft: TaskDraft, step: StepSpec, failure: Failure): void {
  for (const one of loopOf(draft, step)) {
    if (one.status !== 'accepted') continue;
    draft.conclude(one, 'market_failure', SENT_BACK);
    Object.assign(one, { quality: null, qualitySource: null });
    failStep(draft, one, failure);
  }
}

function ask(draft: TaskDraft, step: StepSpec, { id: subtaskId }: SubtaskRecord, message: string): void {
  const escalation: Escalation = {
    subtaskId,
    stepId: step.id,
    reason: 'REVIEW_EXHAUSTED',
    message,
    choices: [AGAIN],
    at: draft.now.toISOString(),
    dueAt: new Date(draft.now.getTime() + DECISION_TIME_MS).toISOString(),
  };
  draft.set({ escalations: [...draft.task.escalations, escalation] });
  draft.moveTo('escalated');
  draft.emit('task.escalated', { ...escalation });
}

/** A person answers, or the time for it is over. Whoever waits for the outcome is the caller's to move. */
export function decideEscalation(
  draft: TaskDraft,
  { subtaskId, decision, choice, note }: Extract<Command, { kind: 'decide' }>,
): RefusalReason | undefined {
  const subtask = draft.subtask(subtaskId);
  if (subtask === undefined) return 'UNKNOWN_SUBTASK';
  const step = stepOf(draft, subtask);
  const open = draft.task.escalations.find((one) => one.subtaskId === subtaskId && one.decision === undefined);
  if (subtask.hold !== 'decision' || step === undefined || open === undefined) return 'NOT_NOW';
  if (decision === 'choose' && choice !== AGAIN) return 'NOT_NOW';
  const answer = {
    decision,
    ...(choice === undefined ? {} : { choice }),
    ...(note === undefined ? {} : { note }),
    at: draft.now.toISOString(),
  };
  const escalations = draft.task.escalations.map((one) => (one === open ? { ...one, decision: answer } : one));
  draft.set({ escalations });
  if (escalations.every((one) => one.decision !== undefined)) draft.moveTo('running');
  if (decision === 'approve') subtask.hold = null;
  else if (decision === 'choose') again(draft, step, subtask, note);
  else failLoop(draft, step, { code: 'REVIEW_EXHAUSTED', message: rejectionOf(open, note) });
  return undefined;
}

const rejectionOf = ({ message }: Escalation, note: string | undefined) =>
  `${message} It was rejected${note === undefined ? '.' : `: ${note}`}`;
