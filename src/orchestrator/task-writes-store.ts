import { sql } from 'kysely';
import type { LedgerEntryDraft } from '../contracts/ledger.ts';
import type { JobData, QueuedJob } from '../bus/job-queues.ts';
import { subtaskJobId, synthesisJobId, SYNTHESIS_QUEUE, workQueue } from '../bus/names.ts';
import type { Statement } from '../db/pipeline.ts';
import type { Decision } from './core/decision.ts';
import type { TaskEvent } from '../contracts/events.ts';
import type { DraftEvent, Effect, SubtaskRecord, TaskRecord } from './core/task-record.ts';
import { needOf } from './core/need.ts';
import type { Escalation } from '../contracts/step.ts';
import { isFinal, PRIORITIES } from '../contracts/task.ts';
import type { Ledger } from './ports.ts';

type Accepted = Extract<Decision, { ok: true }>;
type Row = Record<string, unknown>;

/** What a committed transaction leaves others to do. */
export interface CommitSummary {
  lastSeq: Map<string, number>;
  /** The events of a task, as they were written. */
  eventsOf: (taskId: string) => TaskEvent[];
  /** Attempts that were claimed or may be: whoever runs them should stop. */
  revoked: { subtaskId: string; epoch: number }[];
  /** In the outbox; to be carried to their queues. */
  jobs: QueuedJob[];
  entries: boolean;
  /** Openings were made. */
  openings: boolean;
  /** Steps wait for their conditions. */
  conditions: boolean;
  /** Attempts were closed, and with them slots freed. */
  freed: boolean;
}

/**
 * Gathers decisions, then writes them in one statement: each kind of row is one JSON array, so the text of the statement is
 * the same for one task as for a hundred.
 */
export class TaskWrites {
  private readonly now: Date;
  private readonly dispatchMs: number;
  private readonly synthesisMs: number;
  private readonly tasks = new Map<string, Row>();
  private readonly subtasks = new Map<string, Row>();
  private readonly events = new Map<string, DraftEvent[]>();
  private readonly newAttempts = new Map<string, Row>();
  private readonly attemptChanges = new Map<string, Row>();
  private readonly receipts: Row[] = [];
  private readonly board = new Map<string, Row>();
  private readonly clearedBoards = new Set<string>();
  private readonly jobs = new Map<string, QueuedJob>();
  private readonly entries: Omit<LedgerEntryDraft, 'delta'>[] = [];
  private readonly revoked: { subtaskId: string; epoch: number }[] = [];
  private readonly lastSeq = new Map<string, number>();
  private freed = false;

  constructor(options: { now: Date; dispatchMs: number; synthesisMs: number }) {
    this.now = options.now;
    this.dispatchMs = options.dispatchMs;
    this.synthesisMs = options.synthesisMs;
  }

  add(before: TaskRecord, decision: Accepted): void {
    const { task } = decision;
    this.tasks.set(task.id, { ...this.tasks.get(task.id), ...taskRow(task, before) });
    for (const subtask of task.subtasks) {
      const old = before.subtasks[subtask.ord];
      if (old === undefined || !sameSubtask(old, subtask)) this.subtasks.set(subtask.id, subtaskRow(task.id, subtask));
    }
    if (decision.events.length > 0) {
      this.events.set(task.id, [...(this.events.get(task.id) ?? []), ...decision.events]);
      this.lastSeq.set(task.id, task.eventSeq);
    }
    for (const effect of decision.effects) this.addEffect(task, effect);
  }

  markSeen(seen: { subtaskId: string; epoch: number; changes: number }): void {
    this.changeAttempt(seen.subtaskId, seen.epoch, { seen: seen.changes });
  }

  summary(): CommitSummary {
    return {
      lastSeq: this.lastSeq,
      eventsOf: (taskId) =>
        (this.events.get(taskId) ?? []).map(({ at, ...event }) => ({ ...event, taskId, at: at.toISOString() })),
      revoked: this.revoked,
      jobs: [...this.jobs.values()],
      entries: this.entries.length > 0,
      openings: [...this.board.values()].some((row) => row.action === 'open'),
      conditions: [...this.subtasks.values()].some((row) => row.hold === 'condition'),
      freed: this.freed,
    };
  }

  /** What is to be carried out, in this order; nothing if nothing was decided. */
  statements(ledger: Ledger): Statement[] {
    if (this.tasks.size === 0 && this.attemptChanges.size === 0) return [];
    const entries = this.entries.length === 0 ? [] : [ledger.appending(this.entries)];
    return [this.writeAll(), ...entries];
  }

  private addEffect(task: TaskRecord, effect: Effect): void {
    switch (effect.kind) {
      case 'open_attempt':
        this.openAttempt(task.id, effect);
        return;
      case 'close_attempt':
        this.closeAttempt(effect);
        return;
      case 'reverse_attempt':
        this.changeAttempt(effect.subtaskId, effect.epoch, { verdict: effect.verdict });
        return;
      case 'open_board':
        this.putOnBoard(task, effect);
        return;
      case 'close_board':
        this.setBoard(task.id, effect.ord, { action: 'close' });
        return;
      case 'clear_board':
        this.clearedBoards.add(task.id);
        return;
      case 'delay_opening':
        this.setBoard(task.id, effect.ord, { action: 'delay', delay_ms: effect.delayMs, incapable: effect.incapable });
        return;
      case 'receipt':
        this.receipts.push({ task_id: task.id, round: effect.receipt.round, receipt: effect.receipt });
        return;
      case 'ledger':
        this.entries.push(effect.entry);
        return;
      case 'begin_synthesis':
        this.tasks.set(task.id, { ...this.tasks.get(task.id), synthesis_due_at: this.inMs(this.synthesisMs) });
        this.addJob(SYNTHESIS_QUEUE, synthesisJobId(task.id, effect.epoch), {
          kind: 'synthesis',
          taskId: task.id,
          epoch: effect.epoch,
        });
    }
  }

  private openAttempt(taskId: string, effect: Extract<Effect, { kind: 'open_attempt' }>): void {
    this.newAttempts.set(`${effect.subtaskId}:${effect.epoch}`, {
      subtask_id: effect.subtaskId,
      epoch: effect.epoch,
      task_id: taskId,
      agent_id: effect.agentId,
      pool: effect.pool,
      attempt: effect.attempt,
      timeout_ms: effect.timeoutMs,
      max_tokens: effect.budget.maxTokens,
      max_cost_usd: effect.budget.maxCostUsd,
      due_at: this.inMs(this.dispatchMs),
    });
    this.addJob(workQueue(effect.pool), subtaskJobId(effect.subtaskId, effect.epoch), {
      kind: 'subtask',
      subtaskId: effect.subtaskId,
      epoch: effect.epoch,
    });
  }

  private closeAttempt(effect: Extract<Effect, { kind: 'close_attempt' }>): void {
    const { subtaskId, epoch, verdict } = effect;
    this.freed = true;
    const opened = this.newAttempts.get(`${subtaskId}:${epoch}`);
    if (opened !== undefined) {
      // Opened and closed by the same transaction: it is stored closed, and never dispatched.
      Object.assign(opened, { closed_at: this.now, verdict });
      this.jobs.delete(subtaskJobId(subtaskId, epoch));
      return;
    }
    this.changeAttempt(subtaskId, epoch, { closed: true, verdict });
    if (verdict === 'market_failure') this.revoked.push({ subtaskId, epoch });
  }

  private changeAttempt(subtaskId: string, epoch: number, change: Row): void {
    const key = `${subtaskId}:${epoch}`;
    this.attemptChanges.set(key, { subtask_id: subtaskId, epoch, ...this.attemptChanges.get(key), ...change });
  }

  private putOnBoard(task: TaskRecord, effect: Extract<Effect, { kind: 'open_board' }>): void {
    this.setBoard(task.id, effect.ord, {
      action: 'open',
      need: needOf(effect.skills, task.spec.domain),
      skills: effect.skills,
      domain: task.spec.domain ?? null,
      priority: PRIORITIES.indexOf(task.spec.priority),
      deadline: task.spec.deadline ?? null,
    });
  }

  private setBoard(taskId: string, ord: number, row: Row): void {
    this.board.set(`${taskId}:${ord}`, { task_id: taskId, ord, ...row });
  }

  private addJob(queue: string, jobId: string, data: JobData): void {
    this.jobs.set(jobId, { queue, jobId, data });
  }

  private inMs(ms: number): Date {
    return new Date(this.now.getTime() + ms);
  }

  /** One statement, one round trip; its parts see nothing of each other. */
  private writeAll(): Statement {
    const board = [...this.board.values()].filter((row) => !this.clearedBoards.has(String(row.task_id)));
    return sql`
with t as (${updateTasks(this.tasks.values(), this.now)}),
s as (${upsertSubtasks(this.subtasks.values())}),
e as (insert into event (task_id, seq, type, at, data)
  select * from jsonb_to_recordset(${json(eventRows(this.events))}::jsonb)
    as x(task_id uuid, seq int, type text, at timestamptz, data jsonb)),
a as (${insertAttempts(this.newAttempts.values())}),
ac as (${changeAttempts(this.attemptChanges.values(), this.now)}),
r as (insert into round (task_id, round, receipt)
  select * from jsonb_to_recordset(${json(this.receipts)}::jsonb) as x(task_id uuid, round int, receipt jsonb)),
board as (select * from jsonb_to_recordset(${json(board)}::jsonb) as x(task_id uuid, ord int, action text, need text,
  skills text[], domain text, priority smallint, deadline timestamptz, delay_ms int, incapable boolean)),
bo as (insert into opening (task_id, ord, need, skills, domain, priority, deadline, opened_at)
  select b.task_id, b.ord, b.need, b.skills, b.domain, b.priority, b.deadline, task.created_at
  from board b join task on task.id = b.task_id where b.action = 'open'
  on conflict (task_id, ord) do nothing),
bd as (${delayOpenings}),
bc as (delete from opening using board
  where board.action = 'close' and opening.task_id = board.task_id and opening.ord = board.ord),
bx as (delete from opening where task_id = any(${[...this.clearedBoards]}::uuid[]))
insert into outbox (queue, job_id, data)
select * from jsonb_to_recordset(${json(this.jobs.values())}::jsonb) as x(queue text, "jobId" text, data jsonb)`;
  }
}

const eventRows = (events: ReadonlyMap<string, DraftEvent[]>) =>
  [...events].flatMap(([taskId, drafts]) => drafts.map((draft) => ({ task_id: taskId, ...draft })));

const json = (rows: Iterable<object>) => JSON.stringify([...rows]);

const updateTasks = (rows: Iterable<Row>, now: Date) => sql`
  update task set status = x.status, version = x.version, epoch = x.epoch, round = x.round, event_seq = x.event_seq,
    team = x.team, warnings = x.warnings, error = x.error, escalations = x.escalations, decision_due_at = x.decision_due_at, result = coalesce(x.result, task.result),
    input_tokens = x.input_tokens, output_tokens = x.output_tokens, cost_usd = x.cost_usd,
    subtask_count = x.subtask_count, started_at = x.started_at, finished_at = x.finished_at,
    synthesis_due_at = coalesce(x.synthesis_due_at, task.synthesis_due_at), updated_at = ${now}::timestamptz
  from jsonb_to_recordset(${json(rows)}::jsonb) as x(id uuid, status text, version int, epoch int, round int,
    event_seq int, team jsonb, warnings jsonb, error jsonb, escalations jsonb, decision_due_at timestamptz, result jsonb, input_tokens bigint, output_tokens bigint,
    cost_usd double precision, subtask_count int, started_at timestamptz, finished_at timestamptz,
    synthesis_due_at timestamptz)
  where task.id = x.id`;

const upsertSubtasks = (rows: Iterable<Row>) => sql`
  insert into subtask (id, task_id, ord, skills, status, agent_id, pool, epoch, attempt, lost_leases, tried, round,
    progress_percent, quality, quality_source, error, started_at, finished_at, provisional, step_id, hold, iteration,
    revises)
  select * from jsonb_to_recordset(${json(rows)}::jsonb) as x(id text, task_id uuid, ord int, skills text[],
    status text, agent_id text, pool text, epoch int, attempt int, lost_leases int, tried text[], round int,
    progress_percent real, quality real, quality_source text, error jsonb, started_at timestamptz,
    finished_at timestamptz, provisional boolean, step_id text, hold text, iteration int, revises jsonb)
  on conflict (id) do update set status = excluded.status, agent_id = excluded.agent_id, pool = excluded.pool,
    epoch = excluded.epoch, attempt = excluded.attempt, lost_leases = excluded.lost_leases, tried = excluded.tried,
    round = excluded.round, progress_percent = excluded.progress_percent, quality = excluded.quality,
    quality_source = excluded.quality_source, error = excluded.error, started_at = excluded.started_at,
    finished_at = excluded.finished_at, provisional = excluded.provisional, hold = excluded.hold,
    iteration = excluded.iteration, revises = excluded.revises`;

const insertAttempts = (rows: Iterable<Row>) => sql`
  insert into attempt (subtask_id, epoch, task_id, agent_id, pool, attempt, timeout_ms, due_at, closed_at, verdict,
    max_tokens, max_cost_usd)
  select * from jsonb_to_recordset(${json(rows)}::jsonb) as x(subtask_id text, epoch int, task_id uuid,
    agent_id text, pool text, attempt int, timeout_ms int, due_at timestamptz, closed_at timestamptz, verdict text,
    max_tokens bigint, max_cost_usd double precision)`;

const changeAttempts = (rows: Iterable<Row>, now: Date) => sql`
  update attempt set seen = coalesce(x.seen, attempt.seen), verdict = coalesce(x.verdict, attempt.verdict),
    closed_at = case when x.closed then ${now}::timestamptz else attempt.closed_at end
  from jsonb_to_recordset(${json(rows)}::jsonb) as x(subtask_id text, epoch int, seen int, closed boolean,
    verdict text)
  where attempt.subtask_id = x.subtask_id and attempt.epoch = x.epoch`;

const delayOpenings = sql`
  update opening set parked = true, due_at = clock_timestamp() + board.delay_ms * interval '1 ms',
    incapable_ms = case when not board.incapable and incapable_since is not null
      then incapable_ms + extract(epoch from clock_timestamp() - incapable_since) * 1000 else incapable_ms end,
    incapable_since = case when board.incapable then coalesce(incapable_since, clock_timestamp()) end
  from board where board.action = 'delay' and opening.task_id = board.task_id and opening.ord = board.ord`;

function taskRow(task: TaskRecord, before: TaskRecord): Row {
  return {
    id: task.id,
    status: task.status,
    version: task.version,
    epoch: task.epoch,
    round: task.round,
    event_seq: task.eventSeq,
    team: task.team,
    warnings: task.warnings,
    error: task.error,
    escalations: task.escalations,
    decision_due_at: isFinal(task.status) ? null : (firstDue(task.escalations) ?? null),
    ...(task.result !== null && before.result === null ? { result: task.result } : {}),
    input_tokens: task.usage.inputTokens,
    output_tokens: task.usage.outputTokens,
    cost_usd: task.usage.costUsd,
    subtask_count: task.subtasks.length,
    started_at: task.startedAt,
    finished_at: task.finishedAt,
  };
}

function subtaskRow(taskId: string, subtask: SubtaskRecord): Row {
  return {
    id: subtask.id,
    task_id: taskId,
    ord: subtask.ord,
    skills: subtask.skills,
    status: subtask.status,
    agent_id: subtask.agentId,
    pool: subtask.pool,
    epoch: subtask.epoch,
    attempt: subtask.attempt,
    lost_leases: subtask.lostLeases,
    tried: subtask.tried,
    round: subtask.round,
    progress_percent: subtask.progressPercent,
    quality: subtask.quality,
    quality_source: subtask.qualitySource,
    error: subtask.error,
    started_at: subtask.startedAt,
    finished_at: subtask.finishedAt,
    provisional: subtask.provisional,
    step_id: subtask.stepId,
    hold: subtask.hold,
    iteration: subtask.iteration,
    revises: subtask.revises,
  };
}

/** When the first of the open questions counts as rejected. */
function firstDue(escalations: readonly Escalation[]): string | undefined {
  return escalations
    .filter((one) => one.decision === undefined)
    .map((one) => one.dueAt)
    .sort()[0];
}

function sameSubtask(a: SubtaskRecord, b: SubtaskRecord): boolean {
  return (Object.keys(b) as (keyof SubtaskRecord)[]).every((key) => a[key] === b[key]);
}
