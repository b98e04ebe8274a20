/** A round from its announcement to the command that closes it. */
import type { AwardPolicy } from '../../contracts/award-policy.ts';
import { ANNOUNCED_DESCRIPTION_CHARS, type Announcement, type PoolReply } from '../../contracts/bid.ts';
import type { Command } from './commands.ts';
import type { KnownAgent } from './eligibility.ts';
import { judgeRound, mergeReplies, type MergedReply } from './round.ts';
import { WHOLE_TASK, type TaskRecord } from './task-record.ts';
import type { Candidate } from './team-formation.ts';

/** An opening that a pass of the auction has taken from the board. */
export interface Opening {
  taskId: string;
  ord: number;
  skills: string[];
  domain: string | null;
  /** Announcements of it, this one included. */
  tries: number;
  /** For how long no active agent has had a required skill. */
  incapableMs: number;
}

/** What is said of an opening once its announcement, the `nth` of its task in this pass from 1, is decided. */
export function announcementOf(task: TaskRecord, opening: Opening, nth: number): Announcement {
  const { spec } = task;
  const subtask = opening.ord === WHOLE_TASK ? undefined : task.subtasks[opening.ord];
  const step = spec.steps?.find((one) => one.id === subtask?.stepId);
  const description = step?.description ?? spec.description;
  return {
    taskId: task.id,
    ...(subtask === undefined ? {} : { subtaskId: subtask.id }),
    round: task.round + nth,
    type: spec.type,
    ...(description === undefined ? {} : { description: description.slice(0, ANNOUNCED_DESCRIPTION_CHARS) }),
    requiredSkills: opening.skills,
    ...(spec.domain === undefined ? {} : { domain: spec.domain }),
    complexity: spec.complexity,
    priority: spec.priority,
    ...(spec.deadline === undefined ? {} : { deadline: spec.deadline }),
    timeoutMs: spec.timeoutMs,
  };
}

export const roundKey = (of: { taskId: string; subtaskId?: string | undefined; round: number }) =>
  `${of.subtaskId ?? of.taskId}#${of.round}`;

/** For each round, by `roundKey`, one merged answer of every pool. */
export function answersByRound(
  replies: readonly { pool: string; answers: readonly PoolReply[] }[],
): Map<string, MergedReply[]> {
  const byRound = new Map<string, Map<string, PoolReply[]>>();
  for (const { pool, answers } of replies) {
    for (const answer of answers) {
      const key = roundKey(answer);
      const pools = byRound.get(key) ?? new Map<string, PoolReply[]>();
      byRound.set(key, pools);
      pools.set(pool, [...(pools.get(pool) ?? []), answer]);
    }
  }
  return new Map(
    [...byRound].map(([key, pools]) => [
      key,
      [...pools].sort(([a], [b]) => (a < b ? -1 : 1)).map(([pool, answers]) => mergeReplies(pool, answers)),
    ]),
  );
}

export interface ClosingContext {
  /** Every bidder that the market knows; slots that this pass gives away are counted into them. */
  agents: ReadonlyMap<string, KnownAgent>;
  /** All active agents of the opening's domain that share a skill with it. */
  activeAgents: readonly Candidate[];
  silentPools: readonly string[];
  policy: AwardPolicy;
  now: Date;
}

/** Judges the bids of a round by the market's own records, and says what closes it. */
export function closeRoundCommand(
  opening: Opening,
  announcement: Announcement,
  task: TaskRecord,
  replies: readonly MergedReply[],
  context: ClosingContext,
): Extract<Command, { kind: 'close_round' }> {
  const { spec } = task;
  const { agents, activeAgents } = context;
  const tried = new Set(opening.ord === WHOLE_TASK ? [] : (task.subtasks[opening.ord]?.tried ?? []));
  const untried = activeAgents.some(
    (agent) => !tried.has(agent.agentId) && opening.skills.every((skill) => agent.skills.includes(skill)),
  );
  const { outcome, receipt } = judgeRound({
    taskId: opening.taskId,
    subtaskId: announcement.subtaskId,
    round: announcement.round,
    at: context.now,
    requiredSkills: opening.skills,
    domain: opening.domain ?? undefined,
    complexity: spec.complexity,
    maxTeamSize: spec.maxTeamSize,
    allowPartial: spec.allowPartial,
    replies,
    silentPools: context.silentPools,
    agents,
    activeAgents,
    // Who has failed at it may try again only when nobody else is left.
    alreadyTried: untried ? tried : new Set(),
    policy: context.policy,
  });
  const pools = new Map<string, string>();
  for (const { agentId } of outcome.kind === 'award' ? outcome.parts : []) {
    const agent = agents.get(agentId);
    if (agent === undefined) continue;
    // The next opening of this pass sees the slot taken.
    agent.reservedSlots += 1;
    pools.set(agentId, agent.pool ?? '');
  }
  const { ord, tries, incapableMs } = opening;
  return { kind: 'close_round', ord, round: announcement.round, outcome, receipt, replies, pools, tries, incapableMs };
}
