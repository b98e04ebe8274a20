import { NO_USAGE, type TaskSpec } from '../../contracts/task.ts';
import { TaskDraft } from './task-draft.ts';
import { WHOLE_TASK, type SubtaskRecord, type TaskRecord } from './task-record.ts';
import { newSubtask } from './transitions/award.ts';
import { advance } from './transitions/steps.ts';

/** What is open for bids: the whole task, or one of its subtasks. */
export interface FirstOpening {
  ord: number;
  skills: string[];
}

/** A task as it is right after its submission, its first event told, and what of it is open for bids then. */
export function beginTask(
  { id, ownerId, spec }: { id: string; ownerId: string; spec: TaskSpec },
  now: Date,
): { task: TaskRecord; openings: FirstOpening[] } {
  const task: TaskRecord = {
    id,
    ownerId,
    spec,
    version: 1,
    epoch: 0,
    round: 0,
    eventSeq: 1,
    team: [],
    subtasks: (spec.steps ?? []).map((step, ord): SubtaskRecord =>
      newSubtask(id, ord, step.skills, { stepId: step.id, hold: 'dependencies' }),
    ),
    warnings: [],
    usage: NO_USAGE,
    startedAt: null,
    escalations: [],
    status: 'accepted',
    finishedAt: null,
    result: null,
    error: null,
  };
  if (spec.steps === undefined) return { task, openings: [{ ord: WHOLE_TASK, skills: spec.requiredSkills }] };
  const draft = new TaskDraft(task, now);
  advance(draft);
  const openings = draft.effects.flatMap((effect) =>
    effect.kind === 'open_board' ? [{ ord: effect.ord, skills: effect.skills }] : [],
  );
  return { task: { ...task, subtasks: draft.subtasks }, openings };
}
