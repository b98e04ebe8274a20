/**
 * PostgreSQL, as the market uses it: each method is one transaction, and its locks are held to its end. What a key of the
 * real tables would refuse is thrown as a fault of the market: the rules must not lean on it.
 */
import { isFinal, type TaskSpec } from '../../src/contracts/task.ts';
import { attemptKey, type LockedTask } from '../../src/orchestrator/core/attempts.ts';
import type { Command } from '../../src/orchestrator/core/commands.ts';
import { decide } from '../../src/orchestrator/core/task-machine.ts';
import { WHOLE_TASK, type Effect, type TaskRecord } from '../../src/orchestrator/core/task-record.ts';
import { subtaskJobId, synthesisJobId, SYNTHESIS_QUEUE, workQueue } from '../../src/bus/names.ts';
import { deltaFor } from '../../src/reputation/core/ledger-rules.ts';
import { acceptedTask } from '../support/task-fixtures.ts';
import type { Break } from './breaks.ts';
import type { AttemptId, AttemptRow, Job, LedgerRow, OpeningRow, Report, Step, TaskRow } from './rows.ts';

export const LEASE_MS = 10_000;
export const DISPATCH_MS = 10_000;
const SYNTHESIS_MS = 30_000;

export interface PlannedCommand {
  taskId: string;
  command: Command;
  onDecided?: (accepted: boolean) => void;
}

export interface Plan {
  commands: PlannedCommand[];
  seen?: (AttemptId & { changes: number })[];
}

export class SimStore {
  nowMs: number;
  readonly tasks = new Map<string, TaskRow>();
  readonly keys = new Map<string, string>();
  readonly attempts = new Map<string, AttemptRow>();
  readonly openings = new Map<string, OpeningRow>();
  readonly outbox: Job[] = [];
  readonly ledger: LedgerRow[] = [];
  readonly effectKeys = new Set<string>();
  readonly reputation = new Map<string, number>();
  readonly heartbeats = new Map<string, { pool: string; atMs: number }>();
  /** Attempts that the last transaction closed at the market's expense: whoever runs them should stop. */
  revoked: AttemptId[] = [];
  private readonly breaks: ReadonlySet<Break>;
  private readonly onStep: (step: Step) => void;
  private fresh = new Set<string>();

  constructor(nowMs: number, breaks: ReadonlySet<Break>, onStep: (step: Step) => void) {
    this.nowMs = nowMs;
    this.breaks = breaks;
    this.onStep = onStep;
  }

  now(): Date {
    return new Date(this.nowMs);
  }

  /** T1: the task that this key stands for. */
  submit(key: string, spec: TaskSpec, deadlineMs: number | null): string {
    const known = this.keys.get(key);
    if (known !== undefined && !this.breaks.has('submission key')) return known;
    const id = `task-${this.tasks.size}`;
    this.keys.set(key, id);
    const record = { ...acceptedTask(spec), id };
    const accepted = { seq: 1, type: 'task.accepted' as const, at: this.now(), data: {} };
    this.tasks.set(id, { record, deadlineMs, synthesisDueMs: 0, events: [accepted], receipts: new Map() });
    this.open(id, WHOLE_TASK, spec.requiredSkills);
    return id;
  }

  /** Tasks with their open attempts, as a transaction sees them under its locks. */
  lock(taskIds: readonly string[]): Map<string, LockedTask> {
    const locked = new Map<string, LockedTask>();
    for (const id of taskIds) {
      const row = this.tasks.get(id);
      if (row !== undefined) locked.set(id, { task: row.record, attempts: this.openAttemptsOf(id) });
    }
    return locked;
  }

  /** Every change of a task. `stale`: decided on what was locked before, where the lock is broken. */
  transact(
    taskIds: readonly string[],
    plan: (locked: ReadonlyMap<string, LockedTask>) => Plan,
    stale?: ReadonlyMap<string, LockedTask>,
  ): void {
    const locked = stale ?? this.lock(taskIds);
    const { commands, seen = [] } = plan(locked);
    const present = new Map([...locked].map(([id, one]) => [id, one.task]));
    const steps: Step[] = [];
    for (const { taskId, command, onDecided } of commands) {
      const before = present.get(taskId);
      if (before === undefined) continue;
      const decision = decide(before, this.guarded(before, command), this.now());
      onDecided?.(decision.ok);
      if (decision.ok) present.set(taskId, decision.task);
      steps.push({ before, command, decision });
    }
    this.revoked = [];
    this.fresh.clear();
    for (const step of steps) this.write(step);
    for (const one of seen) {
      const row = this.attempts.get(attemptKey(one.subtaskId, one.epoch))!;
      row.seen = this.breaks.has('seen names what was read') ? row.changes : one.changes;
    }
    for (const step of steps) this.onStep(step);
  }

  /** T4. Null if it is not to be had. */
  claim({ subtaskId, epoch }: AttemptId, replicaId: string): AttemptRow | null {
    const row = this.attempts.get(attemptKey(subtaskId, epoch));
    if (row === undefined || row.closed || row.outcome !== null) return null;
    if (row.claimedMs !== null && row.replicaId !== replicaId) return null;
    row.claimedMs ??= this.nowMs;
    row.replicaId = replicaId;
    row.changes += 1;
    row.dueMs = this.nowMs + LEASE_MS;
    return row;
  }

  report({ subtaskId, epoch, replicaId, outcome, value }: Report): void {
    const row = this.attempts.get(attemptKey(subtaskId, epoch));
    if (row === undefined || row.replicaId !== replicaId) return;
    if (row.outcome !== null && !this.breaks.has('report once')) return;
    Object.assign(row, { outcome, value, endedMs: this.nowMs, changes: row.changes + 1 });
  }

  progress({ subtaskId, epoch }: AttemptId, percent: number): void {
    const row = this.attempts.get(attemptKey(subtaskId, epoch));
    if (row === undefined || row.closed || row.outcome !== null) return;
    Object.assign(row, { progressPercent: percent, changes: row.changes + 1 });
  }

  /** T5: returns those that are closed. */
  heartbeat(replica: { id: string; pool: string }, running: readonly AttemptId[]): AttemptId[] {
    this.heartbeats.set(replica.id, { pool: replica.pool, atMs: this.nowMs });
    return running.filter(({ subtaskId, epoch }) => {
      const row = this.attempts.get(attemptKey(subtaskId, epoch))!;
      if (row.closed) return true;
      if (row.outcome === null) row.dueMs = this.nowMs + LEASE_MS;
      return false;
    });
  }

  /** The lease ends now instead of running out. */
  handBack({ subtaskId, epoch }: AttemptId, replicaId: string): void {
    const row = this.attempts.get(attemptKey(subtaskId, epoch))!;
    if (!row.closed && row.outcome === null && row.replicaId === replicaId)
      Object.assign(row, { dueMs: this.nowMs, replicaId: null });
  }

  liveReplicas(): { id: string; pool: string }[] {
    return [...this.heartbeats]
      .filter(([, { atMs }]) => atMs > this.nowMs - LEASE_MS)
      .map(([id, { pool }]) => ({ id, pool }));
  }

  reserved(agentId: string): number {
    let count = 0;
    for (const row of this.attempts.values()) if (row.agentId === agentId && !row.closed) count += 1;
    return count;
  }

  open(taskId: string, ord: number, skills: string[]): void {
    this.openings.set(`${taskId}:${ord}`, {
      taskId,
      ord,
      skills,
      domain: null,
      tries: 0,
      dueMs: this.nowMs,
      parked: false,
      incapableMs: 0,
      incapableSinceMs: null,
    });
  }

  private openAttemptsOf(taskId: string): LockedTask['attempts'] {
    const open = new Map<string, LockedTask['attempts'] extends ReadonlyMap<string, infer One> ? One : never>();
    for (const [key, row] of this.attempts) {
      if (row.taskId !== taskId || row.closed) continue;
      const claimedAt = row.claimedMs === null ? null : new Date(row.claimedMs);
      open.set(key, { ...row, claimedAt, dueAt: new Date(row.dueMs) });
    }
    return open;
  }

  /** The command as it is, or, with its guard broken, as if it were about the present epoch. */
  private guarded(task: TaskRecord, command: Command): Command {
    if (!this.breaks.has('epoch guard') || !('epoch' in command)) return command;
    if (!('subtaskId' in command)) return { ...command, epoch: task.epoch };
    return { ...command, epoch: task.subtasks.find((one) => one.id === command.subtaskId)?.epoch ?? command.epoch };
  }

  private write({ before, decision }: Step): void {
    if (!decision.ok) return;
    const row = this.tasks.get(before.id)!;
    row.record = Object.freeze({ ...decision.task, subtasks: decision.task.subtasks.map((one) => Object.freeze(one)) });
    for (const event of decision.events) {
      if (event.seq !== row.events.length + 1)
        throw new Error(`${before.id} has ${row.events.length} events and is given number ${event.seq}`);
      row.events.push(event);
    }
    for (const effect of decision.effects) this.carryOut(row, effect);
    if (isFinal(row.record.status)) row.synthesisDueMs = Infinity;
  }

  private carryOut(row: TaskRow, effect: Effect): void {
    const { record: task } = row;
    switch (effect.kind) {
      case 'open_attempt':
        return this.openAttempt(task.id, effect);
      case 'close_attempt':
        return this.closeAttempt(effect);
      case 'reverse_attempt':
        return this.reverseAttempt(effect);
      case 'open_board':
        if (this.openings.has(`${task.id}:${effect.ord}`))
          throw new Error(`opening ${effect.ord} is on the board already`);
        return this.open(task.id, effect.ord, effect.skills);
      case 'close_board':
        if (!this.openings.delete(`${task.id}:${effect.ord}`))
          throw new Error(`opening ${effect.ord} is not on the board`);
        return;
      case 'clear_board':
        for (const [key, opening] of this.openings) if (opening.taskId === task.id) this.openings.delete(key);
        return;
      case 'delay_opening':
        return this.delay(task.id, effect);
      case 'receipt':
        if (row.receipts.has(effect.receipt.round))
          throw new Error(`round ${effect.receipt.round} has a receipt already`);
        row.receipts.set(effect.receipt.round, effect.receipt);
        return;
      case 'ledger':
        return this.enter(effect.entry);
      case 'begin_synthesis':
        row.synthesisDueMs = this.nowMs + SYNTHESIS_MS;
        this.addJob({
          queue: SYNTHESIS_QUEUE,
          jobId: synthesisJobId(task.id, effect.epoch),
          data: { kind: 'synthesis', taskId: task.id, epoch: effect.epoch },
        });
    }
  }

  private openAttempt(taskId: string, effect: Extract<Effect, { kind: 'open_attempt' }>): void {
    const { subtaskId, epoch, agentId, pool } = effect;
    const key = attemptKey(subtaskId, epoch);
    if (this.attempts.has(key)) throw new Error(`attempt ${key} exists already`);
    this.attempts.set(key, {
      subtaskId,
      epoch,
      taskId,
      agentId,
      pool,
      dueMs: this.nowMs + DISPATCH_MS,
      claimedMs: null,
      replicaId: null,
      progressPercent: null,
      outcome: null,
      value: null,
      endedMs: null,
      changes: 0,
      seen: 0,
      requeues: 0,
      closed: false,
      verdict: null,
      judgedBy: null,
    });
    this.addJob(subtaskJob(pool, { subtaskId, epoch }));
  }

  private closeAttempt({ subtaskId, epoch, verdict }: Extract<Effect, { kind: 'close_attempt' }>): void {
    const key = attemptKey(subtaskId, epoch);
    const row = this.attempts.get(key);
    if (row === undefined || row.closed) throw new Error(`attempt ${key} is closed and it is not open`);
    Object.assign(row, { closed: true, verdict, judgedBy: row.value?.text ?? null });
    const jobId = subtaskJobId(subtaskId, epoch);
    // Opened and closed by the same transaction: it is never dispatched.
    if (this.fresh.has(jobId))
      this.outbox.splice(
        this.outbox.findIndex((job) => job.jobId === jobId),
        1,
      );
    else if (verdict === 'market_failure') this.revoked.push({ subtaskId, epoch });
  }

  private reverseAttempt({ subtaskId, epoch, verdict }: Extract<Effect, { kind: 'reverse_attempt' }>): void {
    const row = this.attempts.get(attemptKey(subtaskId, epoch));
    if (row?.verdict !== 'provisional')
      throw new Error(`a verdict on ${subtaskId}:${epoch} is reversed that was final`);
    row.verdict = verdict;
  }

  private delay(taskId: string, { ord, delayMs, incapable }: Extract<Effect, { kind: 'delay_opening' }>): void {
    const opening = this.openings.get(`${taskId}:${ord}`);
    if (opening === undefined) throw new Error(`opening ${ord} is not on the board`);
    const { incapableSinceMs: since } = opening;
    opening.dueMs = this.nowMs + delayMs;
    opening.parked = true;
    if (!incapable && since !== null) opening.incapableMs += this.nowMs - since;
    opening.incapableSinceMs = incapable ? (since ?? this.nowMs) : null;
  }

  private enter(entry: Extract<Effect, { kind: 'ledger' }>['entry']): void {
    if (this.effectKeys.has(entry.effectKey)) throw new Error(`${entry.effectKey} has an entry already`);
    this.effectKeys.add(entry.effectKey);
    const { outcome, quality } = entry;
    const delta = deltaFor({ outcome, quality });
    this.ledger.push({ ...entry, delta, id: this.ledger.length, foldSeq: null, before: 0, after: 0, told: false });
  }

  private addJob(job: Job): void {
    this.outbox.push(job);
    this.fresh.add(job.jobId);
  }
}

export function subtaskJob(pool: string, { subtaskId, epoch }: AttemptId): Job {
  return {
    queue: workQueue(pool),
    jobId: subtaskJobId(subtaskId, epoch),
    data: { kind: 'subtask', subtaskId, epoch },
  };
}
