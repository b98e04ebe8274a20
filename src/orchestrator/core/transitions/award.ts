import type { Award } from '../../../contracts/award.ts';
import type { Successor } from '../commands.ts';
import { shareOfBudget } from '../budget-share.ts';
import { subtaskId } from '../decomposition.ts';
import type { TaskDraft } from '../task-draft.ts';
import type { SubtaskRecord } from '../task-record.ts';

export function awardOf(subtask: SubtaskRecord): Award {
  return { subtaskId: subtask.id, agentId: subtask.agentId ?? '', epoch: subtask.epoch, attempt: subtask.attempt };
}

export function newSubtask(
  taskId: string,
  ord: number,
  skills: string[],
  of: Partial<Pick<SubtaskRecord, 'round' | 'stepId' | 'hold'>>,
): SubtaskRecord {
  return {
    id: subtaskId(taskId, ord),
    ord,
    skills,
    status: 'pending',
    agentId: null,
    pool: null,
    epoch: 0,
    attempt: 1,
    lostLeases: 0,
    tried: [],
    round: 0,
    progressPercent: 0,
    quality: null,
    qualitySource: null,
    error: null,
    startedAt: null,
    finishedAt: null,
    provisional: false,
    stepId: null,
    hold: null,
    iteration: 1,
    revises: null,
    ...of,
  };
}

/** Awards a subtask: epoch + 1, a new attempt opened and dispatched (invariant 3). */
export function giveTo(
  draft: TaskDraft,
  subtask: SubtaskRecord,
  to: Pick<Successor, 'agentId' | 'pool'>,
): SubtaskRecord {
  Object.assign(subtask, {
    status: 'awarded',
    agentId: to.agentId,
    pool: to.pool,
    epoch: subtask.epoch + 1,
    progressPercent: 0,
    quality: null,
    qualitySource: null,
    error: null,
    startedAt: null,
    finishedAt: null,
  } satisfies Partial<SubtaskRecord>);
  draft.effects.push({
    kind: 'open_attempt',
    subtaskId: subtask.id,
    epoch: subtask.epoch,
    agentId: to.agentId,
    pool: to.pool,
    attempt: subtask.attempt,
    timeoutMs: draft.spec.timeoutMs,
    budget: shareOfBudget({ spec: draft.spec, usage: draft.task.usage, subtasks: draft.subtasks }, subtask.id),
  });
  return subtask;
}

/** Moves a subtask to its new agent in the team that readers see. */
export function replaceInTeam(draft: TaskDraft, subtask: SubtaskRecord, score: number): void {
  const team = draft.task.team
    .map((member) => {
      const subtaskIds = member.subtaskIds.filter((id) => id !== subtask.id);
      return { ...member, subtaskIds, skills: skillsOf(draft, subtaskIds) };
    })
    .filter((member) => member.subtaskIds.length > 0);
  const present = team.find((member) => member.agentId === subtask.agentId);
  if (present === undefined) {
    team.push({ agentId: subtask.agentId ?? '', skills: subtask.skills, score, subtaskIds: [subtask.id] });
  } else {
    present.subtaskIds = [...present.subtaskIds, subtask.id];
    present.skills = skillsOf(draft, present.subtaskIds);
  }
  draft.set({ team });
}

function skillsOf(draft: TaskDraft, subtaskIds: readonly string[]): string[] {
  return draft.subtasks.filter((subtask) => subtaskIds.includes(subtask.id)).flatMap((subtask) => subtask.skills);
}
