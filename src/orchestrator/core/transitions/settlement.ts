import type { Failure } from '../../../contracts/errors.ts';
import type { Outcome } from '../../../contracts/ledger.ts';
import { isFinal } from '../../../contracts/task.ts';
import { isUsedUp, shareOfBudget } from '../budget-share.ts';
import type { Command, LossReason, Successor, Verdict } from '../commands.ts';
import type { RefusalReason } from '../decision.ts';
import { nameOf, type TaskDraft } from '../task-draft.ts';
import type { SubtaskRecord } from '../task-record.ts';
import { awardOf, giveTo, replaceInTeam } from './award.ts';
import { complete, fail } from './ending.ts';
import { join } from './join.ts';
import { sendBack } from './review.ts';

/** A subtask that has lost this many leases fails: it may be what kills its hosts. */
export const MAX_LOST_LEASES = 5;

/** The subtask whose present attempt the command is about, or why there is none (invariant 4). */
function present(draft: TaskDraft, command: { subtaskId: string; epoch: number }): SubtaskRecord | RefusalReason {
  const subtask = draft.subtask(command.subtaskId);
  if (subtask === undefined) return 'UNKNOWN_SUBTASK';
  if (subtask.epoch !== command.epoch) return 'STALE';
  return subtask.status === 'awarded' || subtask.status === 'running' ? subtask : 'STALE';
}

export function start(draft: TaskDraft, command: Extract<Command, { kind: 'start' }>): RefusalReason | undefined {
  const subtask = present(draft, command);
  if (typeof subtask === 'string') return subtask;
  if (subtask.status !== 'awarded') return 'NOT_NOW';
  begin(draft, subtask, command.at);
  return undefined;
}

function begin(draft: TaskDraft, subtask: SubtaskRecord, at: Date): void {
  subtask.status = 'running';
  subtask.startedAt = at;
  if (draft.status === 'awarded') draft.moveTo('running');
  if (draft.task.startedAt === null) draft.set({ startedAt: at });
  draft.emit('subtask.started', {
    ...nameOf(subtask),
    agentId: subtask.agentId,
    skills: subtask.skills,
    epoch: subtask.epoch,
    attempt: subtask.attempt,
  });
}

export function progress(draft: TaskDraft, command: Extract<Command, { kind: 'progress' }>): RefusalReason | undefined {
  const subtask = present(draft, command);
  if (typeof subtask === 'string') return subtask;
  if (subtask.status !== 'running') return 'NOT_NOW';
  subtask.progressPercent = command.percent;
  draft.emit('subtask.progress', {
    ...nameOf(subtask),
    agentId: subtask.agentId,
    percent: command.percent,
    ...(command.note === null ? {} : { note: command.note }),
  });
  return undefined;
}

export function deliver(draft: TaskDraft, command: Extract<Command, { kind: 'deliver' }>): RefusalReason | undefined {
  const subtask = present(draft, command);
  if (typeof subtask === 'string') return subtask;
  if (subtask.status === 'awarded') begin(draft, subtask, command.startedAt);
  subtask.finishedAt = command.endedAt;
  draft.set({ usage: addUsage(draft.task.usage, command.usage) });
  const { verdict } = command;
  if (verdict.kind === 'accepted') {
    // Held before it is accepted: until its loop is approved nothing of it is final.
    if (command.sendsBack === true) subtask.hold = 'decision';
    accept(draft, subtask, verdict, command.sole !== null);
    if (command.sendsBack === true) sendBack(draft, subtask);
    if (command.sole !== null) complete(draft, command.sole.result, command.sole.warnings);
    else join(draft);
    return undefined;
  }
  draft.closeAttempt(subtask, verdict.kind);
  const failure: Failure = { code: verdict.code, message: verdict.message };
  answerFailed(draft, subtask, { agentId: subtask.agentId ?? '', outcome: verdict.kind, failure }, command.successors);
  return undefined;
}

type Accepted = Extract<Verdict, { kind: 'accepted' }>;

function accept(draft: TaskDraft, subtask: SubtaskRecord, verdict: Accepted, sole: boolean): void {
  subtask.status = 'accepted';
  subtask.progressPercent = 100;
  subtask.quality = verdict.quality;
  subtask.qualitySource = verdict.qualitySource;
  const provisional = !sole && draft.mayBeTakenBack(subtask);
  draft.closeAttempt(subtask, provisional ? 'provisional' : 'accepted');
  subtask.provisional = provisional;
  if (!provisional) draft.enter(subtask, 'accepted', null);
  draft.emit('subtask.accepted', {
    ...nameOf(subtask),
    agentId: subtask.agentId,
    skills: subtask.skills,
    attempt: subtask.attempt,
    quality: verdict.quality,
    qualitySource: verdict.qualitySource,
    durationMs: (subtask.finishedAt?.getTime() ?? 0) - (subtask.startedAt?.getTime() ?? 0),
  });
}

/** An agent has answered for its attempt, and the answer does not hold: the next one, a new round, or the end. */
function answerFailed(
  draft: TaskDraft,
  subtask: SubtaskRecord,
  answer: FailedAnswer,
  successors: readonly Successor[],
): void {
  recordFailedAnswer(draft, subtask, answer);
  carryOn(draft, subtask, answer, successors);
}

export interface FailedAnswer {
  agentId: string;
  outcome: Extract<Outcome, 'rejected' | 'failed' | 'timed_out'>;
  failure: Failure;
}

/** The ledger entry and the event; the subtask is then pending, or at its end if this was the last attempt. */
export function recordFailedAnswer(draft: TaskDraft, subtask: SubtaskRecord, answer: FailedAnswer): void {
  const { agentId, outcome, failure } = answer;
  const final = subtask.attempt >= draft.spec.maxAttempts || nothingLeftFor(draft, subtask);
  draft.enter(subtask, outcome, failure.code);
  draft.emit('subtask.failed', {
    ...nameOf(subtask),
    agentId,
    attempt: subtask.attempt,
    outcome,
    code: failure.code,
    message: failure.message,
    final,
  });
  subtask.tried = [...new Set([...subtask.tried, agentId])];
  subtask.error = failure;
  subtask.status = final ? (outcome === 'rejected' ? 'rejected' : 'failed') : 'pending';
}

/** Another attempt would find the task's budget used up. */
function nothingLeftFor(draft: TaskDraft, subtask: SubtaskRecord): boolean {
  return isUsedUp(shareOfBudget({ spec: draft.spec, usage: draft.task.usage, subtasks: draft.subtasks }, subtask.id));
}

/** After `recordFailedAnswer`; does nothing if the task has ended meanwhile. */
export function carryOn(
  draft: TaskDraft,
  subtask: SubtaskRecord,
  answer: FailedAnswer,
  successors: readonly Successor[],
): void {
  if (isFinal(draft.status)) return;
  if (subtask.status !== 'pending') {
    settleFailedSubtask(draft, subtask, answer.failure);
    return;
  }
  subtask.attempt += 1;
  passOn(draft, subtask, answer.agentId, answer.failure.code, successors);
}

const LOSSES: Record<LossReason, string> = {
  LEASE_LOST: 'The process that held the work was lost.',
  UNCLAIMED: 'No process of its pool took the work up in time.',
  HANDED_BACK: 'The process that held the work was stopped and handed it back.',
};

export function loseLease(
  draft: TaskDraft,
  command: Extract<Command, { kind: 'lose_lease' }>,
): RefusalReason | undefined {
  const subtask = present(draft, command);
  if (typeof subtask === 'string') return subtask;
  draft.closeAttempt(subtask, 'market_failure');
  draft.enter(subtask, 'market_failure', command.reason);
  subtask.epoch += 1;
  if (command.reason === 'LEASE_LOST') subtask.lostLeases += 1;
  const last = subtask.lostLeases >= MAX_LOST_LEASES;
  draft.emit('subtask.failed', {
    ...nameOf(subtask),
    agentId: subtask.agentId,
    attempt: subtask.attempt,
    outcome: 'market_failure',
    code: command.reason,
    message: `${LOSSES[command.reason]} This costs the agent nothing.`,
    final: last,
  });
  if (last) {
    const failure: Failure = {
      code: 'TOO_MANY_CRASHES',
      message: `The work was lost ${MAX_LOST_LEASES} times with the process that held it.`,
    };
    subtask.status = 'failed';
    subtask.error = failure;
    subtask.finishedAt = draft.now;
    settleFailedSubtask(draft, subtask, failure);
    return undefined;
  }
  passOn(draft, subtask, subtask.agentId ?? '', command.reason, command.successors);
  return undefined;
}

/** To the best successor at once; without one the subtask goes back to the board for a round of its own. */
function passOn(
  draft: TaskDraft,
  subtask: SubtaskRecord,
  from: string,
  reason: string,
  successors: readonly Successor[],
): void {
  const [next] = successors;
  if (next === undefined) {
    Object.assign(subtask, {
      status: 'pending',
      agentId: null,
      pool: null,
      progressPercent: 0,
      startedAt: null,
      finishedAt: null,
    });
    draft.effects.push({ kind: 'open_board', ord: subtask.ord, skills: subtask.skills });
  } else {
    giveTo(draft, subtask, next);
    replaceInTeam(draft, subtask, next.bid.score);
    fileReassignment(draft, subtask, `${from} (${reason})`, next, successors);
  }
  draft.emit('subtask.reassigned', {
    ...nameOf(subtask),
    from,
    to: next?.agentId ?? null,
    reason,
    epoch: subtask.epoch,
    attempt: subtask.attempt,
    ...(next === undefined ? { announcedAgain: true } : {}),
  });
}

/** The receipt of an award that no new round was held for: the bids of the earlier one that still stand. */
function fileReassignment(
  draft: TaskDraft,
  subtask: SubtaskRecord,
  after: string,
  next: Successor,
  successors: readonly Successor[],
): void {
  const round = draft.task.round + 1;
  draft.set({ round });
  draft.effects.push({
    kind: 'receipt',
    receipt: {
      ...next.basis,
      round,
      ...nameOf(subtask),
      at: draft.now.toISOString(),
      note: `Given to the next bidder of round ${next.basis.round} after ${after}.`,
      outcome: 'reassigned',
      bids: successors.map(({ bid }, index) => ({ ...bid, rank: index + 1 })),
      passes: [],
      passCounts: {},
      silentPools: [],
      teamSteps: [],
      awards: [awardOf(subtask)],
      uncoveredSkills: [],
    },
  });
}

/**
 * A subtask is at its end without a delivery: so is the task, unless it allows a part. Of a task with steps, those that do
 * not depend on it go on.
 */
export function settleFailedSubtask(draft: TaskDraft, subtask: SubtaskRecord, failure: Failure): void {
  if (!draft.spec.allowPartial && draft.workflow === null) {
    fail(draft, { code: failure.code, message: `Subtask ${subtask.id} failed: ${failure.message}` });
    return;
  }
  join(draft);
}

function addUsage(a: { inputTokens: number; outputTokens: number; costUsd: number }, b: typeof a): typeof a {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    costUsd: a.costUsd + b.costUsd,
  };
}
