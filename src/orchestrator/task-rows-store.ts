import { sql, type RawBuilder, type Selectable } from 'kysely';
import type { Tables } from '../db/tables.ts';
import type { Trx } from '../db/database.ts';
import { together, type Answers } from '../db/pipeline.ts';
import { isFinal, type TaskSpec } from '../contracts/task.ts';
import { attemptKey, type LockedTask, type OpenAttempt } from './core/attempts.ts';
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
  | 'escalations'
  | 'input_tokens'
  | 'output_tokens'
  | 'cost_usd'
  | 'started_at'
  | 'finished_at'
> & { spec: TaskSpec; now: Date };

type SubtaskRow = Selectable<Tables['subtask']>;

/** An instant, as PostgreSQL writes it into JSON. */
type Written<Row> = { [Key in keyof Row]: Date extends Row[Key] ? Exclude<Row[Key], Date> | string : Row[Key] };

interface LockedRow extends TaskRow {
  subtasks: Written<SubtaskRow>[];
  attempts: Written<OpenAttempt>[];
}

/**
 * Locks tasks and their attempts, in the order that every transaction keeps, and reads them with their subtasks; of the
 * attempts, those that are open. The closed ones are locked too: a pool may still report on them, and what it reports is
 * marked as seen.
 * `after` are statements that are carried out under these locks, in the same round trip.
 */
export async function loadTasks<const After extends readonly RawBuilder<unknown>[]>(
  trx: Trx,
  taskIds: readonly string[],
  after: After,
): Promise<{ tasks: Map<string, LockedTask>; now: Date; answers: Answers<After> }> {
  const ids = [...new Set(taskIds)];
  const [, rows, ...answers] = await together(trx, lockTasks(ids), readTasks(ids), ...after);
  const locked = rows.map((row): [string, LockedTask] => [
    row.id,
    {
      task: taskRecord(row, row.subtasks.map(subtaskRecord)),
      attempts: new Map(row.attempts.map((one) => [attemptKey(one.subtaskId, one.epoch), openAttempt(one)])),
    },
  ]);
  return { tasks: new Map(locked), now: rows[0]?.now ?? new Date(), answers };
}

/** Alone, so that what reads under these locks has a snapshot that is younger than they are: another may have held them. */
const lockTasks = (ids: readonly string[]) =>
  sql`select from task where id = any(${ids}::uuid[]) order by id for update`;

/** Attempts are made under their task's lock, so that none of them is missed here, and each is locked in its turn. */
const readTasks = (ids: readonly string[]) => sql<LockedRow>`
    with held as materialized (
      select subtask_id as "subtaskId", epoch, task_id as "taskId", agent_id as "agentId", pool,
             replica_id as "replicaId", claimed_at as "claimedAt", outcome, due_at as "dueAt", changes, closed_at
      from attempt where task_id = any(${ids}::uuid[])
      order by subtask_id, epoch for update
    ), open as (
      select * from held where closed_at is null
    )
    select id, owner_id, status, spec, version, epoch, round, event_seq, team, warnings, error, escalations,
      input_tokens, output_tokens, cost_usd, started_at, finished_at, clock_timestamp() as now,
      (select coalesce(jsonb_agg(s order by s.ord), '[]') from subtask s where s.task_id = task.id) as subtasks,
      (select coalesce(jsonb_agg(o), '[]') from open o where o."taskId" = task.id) as attempts
    from task where id = any(${ids}::uuid[]) order by id`;

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
    escalations: row.escalations,
  };
  // The result is not read: a final task only takes events, and those leave it as it is.
  return isFinal(row.status)
    ? { ...base, status: row.status, finishedAt: row.finished_at ?? row.now, result: null, error: row.error }
    : { ...base, status: row.status, finishedAt: null, result: null, error: null };
}

function subtaskRecord(row: Written<SubtaskRow>): SubtaskRecord {
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
    startedAt: instant(row.started_at),
    finishedAt: instant(row.finished_at),
    provisional: row.provisional,
    stepId: row.step_id,
    hold: row.hold,
    iteration: row.iteration,
    revises: row.revises,
  };
}

function openAttempt(row: Written<OpenAttempt>): OpenAttempt {
  return { ...row, claimedAt: instant(row.claimedAt), dueAt: new Date(row.dueAt) };
}

const instant = (text: string | null) => (text === null ? null : new Date(text));
