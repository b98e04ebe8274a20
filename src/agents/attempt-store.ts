/**
 * What a pool may write: claims, leases, progress and deliveries of its own attempts, and its agents' messages. It changes no
 * task, no verdict and no ledger entry; the orchestrator reads what is written here. Each statement takes many rows, locked
 * in the order (subtask, epoch) that every transaction keeps.
 *
 * Reports do not wait for the disk. If PostgreSQL crashes before one reaches it, the work runs again, as after any lost
 * lease; what is settled from a report is committed after it, and with it, durably.
 */
import { sql, type RawBuilder } from 'kysely';
import type { Revision } from '../contracts/agent-definition.ts';
import type { Maker, TaskSpec, TeamMember, Usage } from '../contracts/task.ts';
import type { Database } from '../db/database.ts';
import { dependencyDeliveries } from '../db/step-deliveries.ts';

export interface AttemptId {
  subtaskId: string;
  epoch: number;
}

/** Not closed and not reported. In these words, so that the look-up is by key and not by the index of whatever is open. */
const OPEN = sql`num_nulls(a.closed_at, a.outcome) = 2`;

/**
 * The rows of `x` (with `"subtaskId"` and `epoch`) whose attempt (`a`) is as it must be, each locked in the order that every
 * transaction keeps. The lateral look-up is one by key for each row, whatever the planner thinks of the table's size.
 */
const lockAttempts = (condition: RawBuilder<unknown>, skipLocked = sql``) => sql`
  select x.* from (select * from x order by "subtaskId", epoch) x cross join lateral (
    select from attempt a
    where a.subtask_id = x."subtaskId" and a.epoch = x.epoch and ${condition} for update ${skipLocked}
  ) a`;

/**
 * The attempts (`a`) of these ids, for an update that joins `lockAttempts`: the ids as an array too, for a planner that has
 * seen the table small reads all that row security leaves, and joins then.
 */
const ofIds = (attempts: readonly AttemptId[]) =>
  sql`a.subtask_id = any(${attempts.map((one) => one.subtaskId)}::text[])`;

export interface ClaimedAttempt extends AttemptId {
  taskId: string;
  agentId: string;
  attempt: number;
  timeoutMs: number;
  skills: string[];
  spec: TaskSpec;
  data: Record<string, unknown>;
  team: TeamMember[];
  ownerId: string;
  /** The attempt's share of the task's budget; null where there is none. */
  maxTokens: number | null;
  maxCostUsd: number | null;
  /** Null where the market divided the task. */
  step: ClaimedStep | null;
}

export interface ClaimedStep {
  id: string;
  description?: string;
  data?: Record<string, unknown>;
  /** Accepted deliveries of the steps that it depends on, by their ids. */
  dependencies: Record<string, unknown>;
  revision: Revision | null;
}

/** Claims attempts of this pool that are open and unclaimed, or this replica's own already; a lease begins. The others are absent from the answer. */
export async function claimAttempts(
  db: Database,
  attempts: readonly AttemptId[],
  { id: replicaId, pool }: { id: string; pool: string },
  leaseMs: number,
): Promise<ClaimedAttempt[]> {
  const { rows } = await sql<ClaimedAttempt>`
    with x as (
      select * from jsonb_to_recordset(${JSON.stringify(attempts)}::jsonb) as x("subtaskId" text, epoch int)
    ), locked as (
      ${lockAttempts(sql`a.pool = ${pool} and (a.claimed_at is null or a.replica_id = ${replicaId}) and ${OPEN}`)}
    ), claimed as (
      update attempt a set claimed_at = coalesce(a.claimed_at, clock_timestamp()), replica_id = ${replicaId}, changes = changes + 1,
        due_at = clock_timestamp() + ${leaseMs} * interval '1 ms'
      from locked where ${ofIds(attempts)} and a.subtask_id = locked."subtaskId" and a.epoch = locked.epoch
      returning a.subtask_id, a.epoch, a.task_id, a.agent_id, a.attempt, a.timeout_ms, a.max_tokens, a.max_cost_usd
    )
    select c.subtask_id as "subtaskId", c.epoch, c.task_id as "taskId", c.agent_id as "agentId", c.attempt,
      c.timeout_ms as "timeoutMs", c.max_tokens as "maxTokens", c.max_cost_usd as "maxCostUsd", s.skills, t.spec, t.data,
      t.team, t.owner_id as "ownerId", case when s.step_id is not null then
        jsonb_build_object('id', s.step_id, 'dependencies', ${dependencyDeliveries}, 'revision', ${revision})
        || coalesce(t.step_inputs -> s.ord::text, '{}') end as step
    from claimed c join subtask s on s.id = c.subtask_id join task t on t.id = c.task_id`.execute(db);
  return rows;
}

/** What a step that was sent back is to improve, of a statement that has its row as `s`. */
const revision = sql`case when s.revises is not null then jsonb_strip_nulls(jsonb_build_object('decisionNote', s.revises -> 'note'))
  || jsonb_build_object('iteration', s.iteration,
    'previous', (select p.value from attempt p where p.subtask_id = s.id and p.epoch = (s.revises ->> 'epoch')::int),
    'notes', (select n.value from attempt n
      where n.subtask_id = s.revises ->> 'by' and n.epoch = (s.revises ->> 'byEpoch')::int)) end`;

export interface AttemptReport extends AttemptId {
  outcome: 'delivered' | 'failed' | 'timed_out';
  value: unknown;
  error: string | null;
  usage: Usage;
  /** Null where the agent did not say. */
  madeBy: Maker | null;
  /** Progress that was not written before; null for none. */
  percent: number | null;
  note: string | null;
}

/** Hands in what came of attempts, each once; also of a closed one, which is recorded and ignored. */
export async function reportAttempts(
  db: Database,
  reports: readonly AttemptReport[],
  replicaId: string,
): Promise<void> {
  const rows = reports.map(({ usage, ...report }) => ({ ...report, ...usage }));
  await sql`
    with relaxed as materialized (select set_config('synchronous_commit', 'off', true)),
    x as (
      select x.* from relaxed, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as x("subtaskId" text, epoch int, outcome text,
        value jsonb, error text, "inputTokens" bigint, "outputTokens" bigint, "costUsd" double precision, "madeBy" jsonb,
        percent real, note text)
    ), locked as (
      ${lockAttempts(sql`a.outcome is null and a.replica_id = ${replicaId}`)}
    )
    update attempt a set outcome = x.outcome, value = x.value, error = x.error, input_tokens = x."inputTokens",
      output_tokens = x."outputTokens", cost_usd = x."costUsd", made_by = x."madeBy",
      progress_percent = coalesce(x.percent, a.progress_percent),
      progress_note = case when x.percent is null then a.progress_note else x.note end, ended_at = clock_timestamp(), changes = a.changes + 1
    from locked x where ${ofIds(reports)} and a.subtask_id = x."subtaskId" and a.epoch = x.epoch`.execute(db);
}

export async function reportProgress(
  db: Database,
  progress: readonly (AttemptId & { percent: number; note: string | null })[],
): Promise<void> {
  await sql`
    with x as (
      select * from jsonb_to_recordset(${JSON.stringify(progress)}::jsonb)
        as x("subtaskId" text, epoch int, percent real, note text)
    ), locked as (
      ${lockAttempts(OPEN)}
    )
    update attempt a set progress_percent = x.percent, progress_note = x.note, changes = a.changes + 1
    from locked x where ${ofIds(progress)} and a.subtask_id = x."subtaskId" and a.epoch = x.epoch`.execute(db);
}

/** Prolongs the leases of open attempts and returns those that are closed: they count no more. A locked row is left for the next beat. */
export async function prolongLeases(
  db: Database,
  attempts: readonly AttemptId[],
  leaseMs: number,
): Promise<AttemptId[]> {
  if (attempts.length === 0) return [];
  const { rows } = await sql<AttemptId>`
    with x as (
      select * from jsonb_to_recordset(${JSON.stringify(attempts)}::jsonb) as x("subtaskId" text, epoch int)
    ), mine as (
      ${lockAttempts(OPEN, sql`skip locked`)}
    ), prolonged as (
      update attempt a set due_at = clock_timestamp() + ${leaseMs} * interval '1 ms'
      from mine where ${ofIds(attempts)} and a.subtask_id = mine."subtaskId" and a.epoch = mine.epoch
    )
    select x."subtaskId", x.epoch from x left join attempt a on a.subtask_id = x."subtaskId" and a.epoch = x.epoch
    where a.closed_at is not null or a.subtask_id is null`.execute(db);
  return rows;
}

/** Ends the leases of attempts that this process hands back: recovery finds them at once, and nobody's. */
export async function handBackAttempts(db: Database, attempts: readonly AttemptId[], replicaId: string): Promise<void> {
  await sql`
    with x as (
      select * from jsonb_to_recordset(${JSON.stringify(attempts)}::jsonb) as x("subtaskId" text, epoch int)
    ), mine as (
      ${lockAttempts(sql`${OPEN} and a.replica_id = ${replicaId}`)}
    )
    update attempt a set due_at = clock_timestamp(), replica_id = null
    from mine where ${ofIds(attempts)} and a.subtask_id = mine."subtaskId" and a.epoch = mine.epoch`.execute(db);
}

export interface StoredMessage {
  id: string;
  taskId: string;
  subtaskId: string;
  from: string;
  to: string | null;
  topic: string;
  data: unknown;
}

/** Stores a message between agents, unless this subtask has stored `limit` already. Returns whether it was stored. */
export async function insertMessage(db: Database, message: StoredMessage, limit: number): Promise<boolean> {
  const { rows } = await sql<{ id: string }>`
    insert into agent_message (id, task_id, subtask_id, from_agent, to_agent, topic, data)
    select ${message.id}::uuid, ${message.taskId}::uuid, ${message.subtaskId}, ${message.from}, ${message.to}::text,
      ${message.topic}, ${JSON.stringify(message.data)}::jsonb
    where (select count(*) from agent_message where subtask_id = ${message.subtaskId}) < ${limit}
    returning id`.execute(db);
  return rows.length > 0;
}

export async function readTaskForMessage(
  db: Database,
  taskId: string,
): Promise<{ id: string; type: string; description?: string; data: Record<string, unknown> } | null> {
  const row = await db
    .selectFrom('task')
    .select(['id', 'type', 'spec', 'data'])
    .where('id', '=', taskId)
    .executeTakeFirst();
  if (row === undefined) return null;
  const { description } = row.spec;
  return { id: row.id, type: row.type, ...(description === undefined ? {} : { description }), data: row.data };
}
