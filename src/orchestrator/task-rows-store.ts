import { sql, type Selectable } from 'kysely';
import type { Tables } from '../db/tables.ts';
import type { Trx } from '../db/database.ts';
import { isFinal, type TaskSpec } from '../contracts/task.ts';
import type { SubtaskRecord, TaskRecord } from './core/task-record.ts';

type TaskRow = Pick<
  Selectable<Tables['task']>,
  | 'id'
  | 'owner_id'
  | 'status'
  | 'version'
  | 'epoch'
  | 'round'
  | 'event_seq'
  | 'team'
  | 'warnings'
  | 'error'
  | 'input_tokens'
  | 'output_tokens'
  | 'cost_usd'
  | 'started_at'
  | 'finished_at'
> & { spec: TaskSpec; now: Date };

type SubtaskRow = Selectable<Tables['subtask']>;

/** An attempt that is not closed, as far as the orchestrator needs it under lock. */
export interface OpenAttempt {
  subtaskId: string;
  epoch: number;
  taskId: string;
  agentId: string;
  pool: string;
  replicaId: string | null;
  claimedAt: Date | null;
  outcome: 'delivered' | 'failed' | 'timed_out' | null;
  dueAt: Date;
  changes: number;
}

export interface LockedTask {
  task: TaskRecord;
  /** Open attempts, by `<subtaskId>:<epoch>`. */
  attempts: ReadonlyMap<string, OpenAttempt>;
}

function attemptKey(subtaskId: string, epoch: number): string {
  return `${subtaskId}:${epoch}`;
}

export function presentAttempt(locked: LockedTask, subtask: SubtaskRecord): OpenAttempt | undefined {
  return locked.attempts.get(attemptKey(subtask.id, subtask.epoch));
}

/** Locks tasks and their open attempts, in the order that every transaction keeps, and reads them. */
export async function loadTasks(
  trx: Trx,
  taskIds: readonly string[],
): Promise<{ tasks: Map<string, LockedTask>; now: Date }> {
  const ids = [...new Set(taskIds)];
  const tasks = await sql<TaskRow>`
    select id, owner_id, status, spec, version, epoch, round, event_seq, team, warnings, error,
           input_tokens, output_tokens, cost_usd, started_at, finished_at, clock_timestamp() as now
    from task where id = any(${ids}::uuid[]) order by id for update`.execute(trx);
  // A second statement, so that it sees what whoever held the lock before has committed.
  const subtasks = await sql<SubtaskRow>`
    select * from subtask where task_id = any(${ids}::uuid[]) order by task_id, ord`.execute(trx);
  const attempts = await sql<OpenAttempt>`
    select subtask_id as "subtaskId", epoch, task_id as "taskId", agent_id as "agentId", pool,
           replica_id as "replicaId", claimed_at as "claimedAt", outcome, due_at as "dueAt", changes
    from attempt where task_id = any(${ids}::uuid[]) and closed_at is null
    order by subtask_id, epoch for update`.execute(trx);
  const partsOf = groupBy(subtasks.rows, (row) => row.task_id);
  const attemptsOf = groupBy(attempts.rows, (row) => row.taskId);
  const locked = tasks.rows.map((row): [string, LockedTask] => [
    row.id,
    {
      task: taskRecord(row, (partsOf.get(row.id) ?? []).map(subtaskRecord)),
      attempts: new Map((attemptsOf.get(row.id) ?? []).map((one) => [attemptKey(one.subtaskId, one.epoch), one])),
    },
  ]);
  return { tasks: new Map(locked), now: tasks.rows[0]?.now ?? new Date() };
}

function taskRecord(row: TaskRow, subtasks: SubtaskRecord[]): TaskRecord {
  const base = {
    id: row.id,
    ownerId: row.owner_id,
    spec: row.spec,
    version: row.version,
    epoch: row.epoch,
    round: row.round,
    eventSeq: row.event_seq,
    team: row.team,
    subtasks,
    warnings: row.warnings,
    usage: { inputTokens: row.input_tokens, outputTokens: row.output_tokens, costUsd: row.cost_usd },
    startedAt: row.started_at,
  };
  // The result is not read: a final task only takes events, and those leave it as it is.
  return isFinal(row.status)
    ? { ...base, status: row.status, finishedAt: row.finished_at ?? row.now, result: null, error: row.error }
    : { ...base, status: row.status, finishedAt: null, result: null, error: null };
}

function subtaskRecord(row: SubtaskRow): SubtaskRecord {
  return {
    id: row.id,
    ord: row.ord,
    skills: row.skills,
    status: row.status,
    agentId: row.agent_id,
    pool: row.pool,
    epoch: row.epoch,
    attempt: row.attempt,
    lostLeases: row.lost_leases,
    tried: row.tried,
    round: row.round,
    progressPercent: row.progress_percent,
    quality: row.quality,
    qualitySource: row.quality_source,
    error: row.error,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

function groupBy<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}
