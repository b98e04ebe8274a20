import { backoffMs } from '../../../util/backoff.ts';
import type { Failure } from '../../../contracts/errors.ts';
import type { ReceiptRound } from '../../../contracts/award.ts';
import type { Command } from '../commands.ts';
import type { RoundOutcome } from '../round.ts';
import { nameOf, type TaskDraft } from '../task-draft.ts';
import { WHOLE_TASK, type SubtaskRecord } from '../task-record.ts';
import type { RefusalReason } from '../decision.ts';
import { awardOf, giveTo, newSubtask, replaceInTeam } from './award.ts';
import { fail } from './ending.ts';
import { settleFailedSubtask } from './settlement.ts';

/** Back-off between announcements of one opening: 0.5 s, doubling, at most 5 s (PRODUCT, one agent or a team). */
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 5_000;
/** What waits for capacity is woken by it; asking again by time is only for agents that decline without a reason the market knows. */
const MAX_WAIT_MS = 60_000;
const LISTED_PASSES = 20;

type CloseRound = Extract<Command, { kind: 'close_round' }>;

export function announce(draft: TaskDraft, command: Extract<Command, { kind: 'announce' }>): RefusalReason | undefined {
  const target = openTarget(draft, command.ord);
  if (target === 'NOT_NOW') return 'NOT_NOW';
  const round = draft.task.round + 1;
  draft.set({ round });
  if (target !== null) target.round = round;
  if (target === null || draft.status === 'accepted') draft.moveTo('announced');
  draft.emit('task.announced', {
    round,
    ...(target === null ? {} : nameOf(target)),
    requiredSkills: target === null ? draft.spec.requiredSkills : target.skills,
    ...(draft.spec.domain === undefined ? {} : { domain: draft.spec.domain }),
    complexity: draft.spec.complexity,
    priority: draft.spec.priority,
  });
  return undefined;
}

/** Null for the whole task, the pending subtask that is auctioned anew, or NOT_NOW where nothing is open. */
function openTarget(draft: TaskDraft, ord: number): SubtaskRecord | null | 'NOT_NOW' {
  if (ord === WHOLE_TASK) {
    const open = draft.workflow === null && (draft.status === 'accepted' || draft.status === 'announced');
    return open ? null : 'NOT_NOW';
  }
  const subtask = draft.subtasks[ord];
  return subtask?.status === 'pending' && subtask.hold === null ? subtask : 'NOT_NOW';
}

export function closeRound(draft: TaskDraft, command: CloseRound): RefusalReason | undefined {
  const target = openTarget(draft, command.ord);
  if (target === 'NOT_NOW') return 'NOT_NOW';
  if ((target === null ? draft.task.round : target.round) !== command.round) return 'STALE';
  for (const reply of command.replies) {
    draft.emit('bids.received', {
      round: command.round,
      ...(target === null ? {} : nameOf(target)),
      pool: reply.pool,
      bids: command.receipt.bids.filter((bid) => bid.pool === reply.pool),
      passes: reply.passes.slice(0, LISTED_PASSES),
      passCounts: reply.passCounts,
    });
  }
  settleOutcome(draft, command, target);
  return undefined;
}

function settleOutcome(draft: TaskDraft, command: CloseRound, target: SubtaskRecord | null): void {
  const { outcome } = command;
  switch (outcome.kind) {
    case 'award':
      awardParts(draft, command, outcome, target);
      return;
    case 'wait':
      file(draft, command, 'waiting', []);
      delay(draft, command, backoffMs(command.tries - 1, FIRST_BACKOFF_MS, MAX_WAIT_MS), false);
      return;
    case 'again':
      announceAgainOrFail(draft, command, outcome.uncoveredSkills, target);
      return;
    case 'too_small':
      file(draft, command, 'failed', []);
      fail(draft, {
        code: 'TEAM_TOO_SMALL',
        message: `No team of the allowed size covers all required skills; left open: ${outcome.uncoveredSkills.join(', ')}.`,
        uncoveredSkills: outcome.uncoveredSkills,
      });
  }
}

function announceAgainOrFail(
  draft: TaskDraft,
  command: CloseRound,
  uncoveredSkills: string[],
  target: SubtaskRecord | null,
): void {
  const leftMs = draft.spec.biddingTimeMs - command.incapableMs;
  if (leftMs > 0) {
    file(draft, command, 'announced_again', []);
    delay(draft, command, Math.min(leftMs, backoffMs(command.tries - 1, FIRST_BACKOFF_MS, MAX_BACKOFF_MS)), true);
    return;
  }
  file(draft, command, 'failed', []);
  const named = uncoveredSkills.length === 0 ? 'this task' : uncoveredSkills.join(', ');
  const failure: Failure = {
    code: 'NO_CAPABLE_AGENTS',
    message: `No active agent for ${named} within ${draft.spec.biddingTimeMs} ms of announcing. Start a pool whose agents have it, or change requiredSkills or domain.`,
    uncoveredSkills,
  };
  if (target !== null && (draft.spec.allowPartial || draft.workflow !== null)) giveUp(draft, target, failure);
  else fail(draft, failure);
}

/** A task that allows a part, or has other steps, goes on without a subtask that nobody is capable of. */
function giveUp(draft: TaskDraft, subtask: SubtaskRecord, failure: Failure): void {
  draft.effects.push({ kind: 'close_board', ord: subtask.ord });
  Object.assign(subtask, { status: 'failed', error: failure, finishedAt: draft.now } satisfies Partial<SubtaskRecord>);
  draft.emit('subtask.failed', {
    ...nameOf(subtask),
    agentId: null,
    attempt: subtask.attempt,
    outcome: 'market_failure',
    code: failure.code,
    message: failure.message,
    final: true,
  });
  settleFailedSubtask(draft, subtask, failure);
}

function delay(draft: TaskDraft, command: CloseRound, delayMs: number, incapable: boolean): void {
  draft.effects.push({ kind: 'delay_opening', ord: command.ord, delayMs, incapable });
}

function awardParts(
  draft: TaskDraft,
  command: CloseRound,
  outcome: Extract<RoundOutcome, { kind: 'award' }>,
  target: SubtaskRecord | null,
): void {
  draft.effects.push({ kind: 'close_board', ord: command.ord });
  const poolOf = (agentId: string) => command.pools.get(agentId) ?? '';
  // All are there before the first is given: the budget is split over their number.
  if (target === null)
    draft.subtasks.push(
      ...outcome.parts.map(({ skills }, ord) => newSubtask(draft.id, ord, skills, { round: command.round })),
    );
  const given = target === null ? draft.subtasks : [target];
  const awarded = outcome.parts.slice(0, given.length).flatMap(({ agentId }, index) => {
    const subtask = given[index];
    return subtask === undefined ? [] : [giveTo(draft, subtask, { agentId, pool: poolOf(agentId) })];
  });
  if (target === null) {
    draft.set({
      team: outcome.members.map((member) => ({
        ...member,
        subtaskIds: awarded.filter((subtask) => subtask.agentId === member.agentId).map((subtask) => subtask.id),
      })),
    });
    draft.moveTo('awarded');
    warnOfUncovered(draft);
  } else {
    const score = outcome.members[0]?.score ?? 0;
    for (const subtask of awarded) replaceInTeam(draft, subtask, score);
    if (draft.status === 'announced') draft.moveTo('awarded');
  }
  const awards = awarded.map(awardOf);
  file(draft, command, 'awarded', awards);
  draft.emit('task.awarded', {
    round: command.round,
    ...(target === null ? {} : nameOf(target)),
    policy: command.receipt.policy,
    awards,
    team: draft.task.team,
  });
}

function warnOfUncovered(draft: TaskDraft): void {
  const missing = draft.spec.requiredSkills.filter(
    (skill) => !draft.subtasks.some((one) => one.skills.includes(skill)),
  );
  if (missing.length === 0) return;
  const warning = {
    rule: 'coverage',
    message: `Begun without an agent for ${missing.join(', ')} (allowPartial).`,
    blame: [],
  };
  draft.set({ warnings: [...draft.task.warnings, warning] });
  draft.emit('validation.warning', warning);
}

function file(
  draft: TaskDraft,
  command: CloseRound,
  outcome: ReceiptRound['outcome'],
  awards: ReceiptRound['awards'],
): void {
  const stepId = draft.subtasks[command.ord]?.stepId ?? null;
  const receipt = { ...command.receipt, ...(stepId === null ? {} : { stepId }), outcome, awards };
  draft.effects.push({ kind: 'receipt', receipt });
}
