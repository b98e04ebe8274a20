/**
 * One orchestrator process: what its loops do, cut where another process can come in between. What is under way in it is
 * lost when it is killed. The rules are the market's own cores; here is only the order of statements.
 */
import { SYNTHESIS_QUEUE } from '../../src/bus/names.ts';
import { isFinal } from '../../src/contracts/task.ts';
import { attemptKey, type LockedTask } from '../../src/orchestrator/core/attempts.ts';
import type { Rejection, Verdict } from '../../src/orchestrator/core/commands.ts';
import { divideDue, stillLost, type DueAttempt } from '../../src/orchestrator/core/recovery-plan.ts';
import {
  presentWork,
  settlementCommands,
  type Judged,
  type ReadAttempt,
} from '../../src/orchestrator/core/settlement-plan.ts';
import { chooseSuccessors, type SuccessorRequest } from '../../src/orchestrator/core/succession.ts';
import type { Successor } from '../../src/orchestrator/core/commands.ts';
import { mergeResult, type ResultPart } from '../../src/synthesis/core/merge.ts';
import { DISPATCH_MS, subtaskJob, type Plan } from './store.ts';
import type { AttemptRow, Fate, Job } from './rows.ts';
import { SimAuction } from './auction.ts';
import { SimBookkeeping } from './bookkeeping.ts';
import { oneOf, takeOne } from './pick.ts';
import type { SimWorld } from './world.ts';

const NO_USAGE = { inputTokens: 0, outputTokens: 0, costUsd: 0 };

type UnreadAttempt = ReadAttempt & { row: AttemptRow; changes: number };

interface Reading {
  unread: UnreadAttempt[];
  judged: Map<UnreadAttempt, Judged>;
  /** Where the task lock is broken, it is these that are decided on. */
  locked: ReadonlyMap<string, LockedTask>;
}

interface Synthesis {
  jobId: string;
  taskId: string;
  epoch: number;
  parts: ResultPart[];
  allAccepted: boolean;
  rejections: Rejection[];
}

export class SimOrchestrator {
  readonly auction: SimAuction;
  readonly books: SimBookkeeping;
  private readonly world: SimWorld;
  private readonly readings: Reading[] = [];
  private readonly due: DueAttempt[][] = [];
  private readonly syntheses: Synthesis[] = [];
  private readonly carrying: Job[] = [];

  constructor(world: SimWorld) {
    this.world = world;
    this.auction = new SimAuction(world);
    this.books = new SimBookkeeping(world);
  }

  holds(jobId: string): boolean {
    return this.syntheses.some((one) => one.jobId === jobId);
  }

  /** The process is killed; its successor knows nothing. */
  kill(): void {
    for (const list of [this.readings, this.due, this.syntheses, this.carrying]) list.length = 0;
    this.auction.kill();
    this.books.kill();
  }

  /** Intake, first half: reads what pools have written, and judges deliveries. */
  read(): boolean {
    const { store } = this.world;
    if (this.readings.length >= 2) return false;
    const unread = [...store.attempts.values()].filter((row) => row.changes > row.seen).map(readAttempt);
    if (unread.length === 0) return false;
    const judged = new Map(
      unread.flatMap((one) => (one.row.outcome === null || one.closed ? [] : [[one, this.judge(one)]])),
    );
    this.readings.push({ unread, judged, locked: store.lock(unread.map((one) => one.taskId)) });
    return true;
  }

  /** Intake, second half: settles what it has read. */
  settle(pick: number, fate: Fate): boolean {
    const reading = takeOne(this.readings, pick);
    if (reading === undefined) return false;
    const { unread, judged } = reading;
    const stale = this.world.breaks.has('task lock') ? reading.locked : undefined;
    const taskIds = [...new Set(unread.map((one) => one.taskId))];
    this.world.commit(fate, taskIds, (locked) => this.settlement(unread, judged, locked), stale);
    return true;
  }

  private settlement(
    unread: readonly UnreadAttempt[],
    judged: ReadonlyMap<UnreadAttempt, Judged>,
    locked: ReadonlyMap<string, LockedTask>,
  ): Plan {
    const present = unread.flatMap((attempt) => this.present(attempt, locked.get(attempt.taskId)));
    const failed = present.filter(({ attempt }) => (judged.get(attempt)?.verdict.kind ?? 'accepted') !== 'accepted');
    const found = this.successors(
      failed.map(({ attempt, ...work }) => ({ ...work, failedAgent: attempt.row.agentId })),
    );
    const successorsOf = new Map(failed.map(({ attempt }, index) => [attempt, found[index] ?? []]));
    return {
      commands: present.flatMap(({ attempt, subtask }) =>
        settlementCommands(attempt, subtask, judged.get(attempt), successorsOf.get(attempt) ?? []).map((command) => ({
          taskId: attempt.taskId,
          command,
        })),
      ),
      seen: unread.map(({ subtaskId, epoch, changes }) => ({ subtaskId, epoch, changes })),
    };
  }

  private present(attempt: UnreadAttempt, locked: LockedTask | undefined) {
    if (!this.world.breaks.has('epoch guard')) return presentWork(attempt, locked);
    const subtask = locked?.task.subtasks.find((one) => one.id === attempt.subtaskId);
    return locked === undefined || subtask === undefined ? [] : [{ attempt, locked, subtask }];
  }

  private judge({ row, taskId, claimedAt, endedAt }: UnreadAttempt): Judged {
    const verdict = verdictOn(row);
    const { record } = this.world.store.tasks.get(taskId)!;
    if (verdict.kind !== 'accepted' || record.subtasks.length !== 1) return { verdict, sole: null };
    const { skills } = record.subtasks[0]!;
    const [startedAt, finishedAt] = [claimedAt ?? new Date(0), endedAt ?? new Date(0)];
    const part = {
      skills,
      stepId: null,
      agentId: row.agentId,
      value: row.value?.text,
      quality: verdict.quality,
      startedAt,
      finishedAt,
    };
    const merged = { taskId, taskType: record.spec.type, parts: [part], warnings: [], allAccepted: true };
    return { verdict, sole: { result: mergeResult(merged), warnings: [] } };
  }

  private successors(requests: readonly SuccessorRequest[]): Successor[][] {
    const { store } = this.world;
    const receipts = requests.map(({ locked, subtask }) =>
      store.tasks.get(locked.task.id)?.receipts.get(subtask.round),
    );
    return chooseSuccessors(requests, receipts, this.world.knownAgents());
  }

  /** Recovery, first half: looks for what has run out. */
  lookForDue(): boolean {
    const { store, breaks } = this.world;
    if (breaks.has('lease recovery') || this.due.length >= 2) return false;
    const due = [...store.attempts.values()].filter(
      (row) => !row.closed && row.outcome === null && row.dueMs <= store.nowMs,
    );
    if (due.length === 0) return false;
    this.due.push(due.map(({ claimedMs, ...row }) => ({ ...row, claimed: claimedMs !== null })));
    return true;
  }

  /** Recovery, second half. */
  recover(pick: number, fate: Fate): boolean {
    const due = takeOne(this.due, pick);
    if (due === undefined) return false;
    const { store } = this.world;
    const { again, lost } = divideDue(due, new Set(store.liveReplicas().map((one) => one.pool)));
    if (fate === 'error') return true;
    for (const one of again) this.dispatchAgain(one);
    if (lost.length === 0) return true;
    this.world.commit(
      fate,
      lost.map((one) => one.taskId),
      (locked) => {
        const still = lost.flatMap((one) => stillLost(one, locked.get(one.taskId), store.now()));
        const found = this.successors(still);
        return {
          commands: still.map(({ taskId, subtask, reason }, index) => {
            const { id: subtaskId, epoch } = subtask;
            return {
              taskId,
              command: { kind: 'lose_lease', subtaskId, epoch, reason, successors: found[index] ?? [] },
            };
          }),
        };
      },
    );
    return true;
  }

  private dispatchAgain({ subtaskId, epoch }: DueAttempt): void {
    const { store, breaks } = this.world;
    const row = store.attempts.get(attemptKey(subtaskId, epoch))!;
    if (row.closed || row.claimedMs !== null) return;
    Object.assign(row, { requeues: row.requeues + 1, dueMs: store.nowMs + DISPATCH_MS });
    if (breaks.has('ids of jobs')) row.requeues = 0;
    else store.outbox.push(subtaskJob(row.pool, row));
  }

  expireTasks(fate: Fate): boolean {
    const { store } = this.world;
    const due = [...store.tasks].flatMap(([id, row]) =>
      row.deadlineMs !== null && row.deadlineMs <= store.nowMs && !isFinal(row.record.status) ? id : [],
    );
    if (due.length === 0) return false;
    this.world.commit(fate, due, () => ({ commands: due.map((taskId) => ({ taskId, command: { kind: 'expire' } })) }));
    return true;
  }

  repeatSyntheses(): boolean {
    const { store, breaks } = this.world;
    if (breaks.has('synthesis recovery')) return false;
    let found = false;
    for (const [taskId, row] of store.tasks) {
      if (row.record.status !== 'synthesizing' || row.synthesisDueMs > store.nowMs) continue;
      found = true;
      row.synthesisDueMs = store.nowMs + DISPATCH_MS;
      const { epoch } = row.record;
      store.outbox.push({
        queue: SYNTHESIS_QUEUE,
        jobId: `syn_${taskId}_${epoch}`,
        data: { kind: 'synthesis', taskId, epoch },
      });
    }
    return found;
  }

  /** The relay: adds a job to its queue. It is removed from the outbox by another statement. */
  carry(pick: number): boolean {
    const { store, queue } = this.world;
    const job = store.outbox[pick % Math.max(1, store.outbox.length)];
    if (job === undefined || !queue.add(job)) return false;
    this.carrying.push(job);
    return true;
  }

  /** The other half: whoever is killed before leaves a job that is added again. */
  removeCarried(): boolean {
    const job = this.carrying.shift();
    if (job === undefined) return false;
    const index = this.world.store.outbox.indexOf(job);
    if (index >= 0) this.world.store.outbox.splice(index, 1);
    return true;
  }

  /** Takes a job of synthesis and computes, by what the store says now. */
  synthesize(pick: number, blame: readonly string[]): boolean {
    const { queue, store } = this.world;
    const job = oneOf(queue.waiting(SYNTHESIS_QUEUE), pick);
    if (job?.data.kind !== 'synthesis') return false;
    queue.take(job.jobId);
    const { taskId, epoch } = job.data;
    const row = store.tasks.get(taskId);
    if (row === undefined || row.record.status !== 'synthesizing' || row.record.epoch !== epoch) {
      queue.end(job.jobId);
      return true;
    }
    const { subtasks } = row.record;
    const accepted = subtasks.filter((one) => one.status === 'accepted');
    const parts = accepted.map((subtask): ResultPart => {
      const { skills, stepId, quality, agentId, startedAt, finishedAt } = subtask;
      const value = store.attempts.get(attemptKey(subtask.id, subtask.epoch))?.value?.text;
      const times = { startedAt: startedAt ?? new Date(0), finishedAt: finishedAt ?? new Date(0) };
      return { skills, stepId, quality, agentId: agentId ?? '', value, ...times };
    });
    const rejections = blame.length === 0 ? [] : [{ rule: 'rule', message: 'does not hold', blame: [...blame] }];
    const allAccepted = accepted.length === subtasks.length;
    this.syntheses.push({ jobId: job.jobId, taskId, epoch, parts, allAccepted, rejections });
    return true;
  }

  finishSynthesis(pick: number, fate: Fate): boolean {
    const synthesis = takeOne(this.syntheses, pick);
    if (synthesis === undefined) return false;
    const { jobId, taskId, epoch, parts, allAccepted, rejections } = synthesis;
    const taskType = this.world.store.tasks.get(taskId)!.record.spec.type;
    const result = mergeResult({ taskId, taskType, parts, warnings: [], allAccepted });
    const known = this.world.commit(fate, [taskId], (locked) => {
      const task = locked.get(taskId)!;
      const blamed = task.task.subtasks.filter((subtask) =>
        rejections.some((rejection) => rejection.blame.some((skill) => subtask.skills.includes(skill))),
      );
      const found = this.successors(blamed.map((subtask) => ({ locked: task, subtask, failedAgent: subtask.agentId })));
      const successors = new Map(blamed.map((subtask, index) => [subtask.id, found[index] ?? []]));
      return {
        commands: [
          { taskId, command: { kind: 'finish_synthesis', epoch, result, warnings: [], rejections, successors } },
        ],
      };
    });
    if (known) this.world.queue.end(jobId);
    else this.world.queue.fail(jobId);
    return true;
  }
}

function readAttempt(row: AttemptRow): UnreadAttempt {
  const { subtaskId, epoch, taskId, closed, progressPercent, changes } = row;
  const claimedAt = row.claimedMs === null ? null : new Date(row.claimedMs);
  const endedAt = row.endedMs === null ? null : new Date(row.endedMs);
  const read = { subtaskId, epoch, taskId, closed, claimedAt, progressPercent, progressNote: null, usage: NO_USAGE };
  return { ...read, endedAt, changes, row: { ...row } };
}

function verdictOn({ outcome, value }: AttemptRow): Verdict {
  if (outcome === 'timed_out') return { kind: 'timed_out', code: 'TIMED_OUT', message: 'too slow' };
  if (outcome !== 'delivered' || value === null) return { kind: 'failed', code: 'AGENT_FAILED', message: 'it threw' };
  if (value.broken) return { kind: 'rejected', code: 'SCHEMA_MISMATCH', message: 'a field is missing' };
  return { kind: 'accepted', quality: value.quality, qualitySource: value.quality === null ? null : 'check' };
}
