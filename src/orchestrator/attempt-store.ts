import { sql } from 'kysely';
import type { Database, Trx } from '../db/database.ts';
import type { ReceiptRound } from '../contracts/award.ts';
import type { TaskSpec } from '../contracts/task.ts';
import type { DueAttempt } from './core/recovery-plan.ts';
import type { ReadAttempt } from './core/settlement-plan.ts';

/** A change that a pool has written and that no orchestrator has read. */
export interface UnreadAttempt extends ReadAttempt {
  agentId: string;
  changes: number;
  outcome: 'delivered' | 'failed' | 'timed_out' | null;
  value: unknown;
  error: string | null;
  skills: string[];
  /** Null where the market divided the task. */
  stepId: string | null;
  spec: TaskSpec;
  subtaskCount: number;
  /** Of the value, as stored. */
  bytes: number;
}

interface UnreadRow extends Omit<UnreadAttempt, 'usage'> {
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
}

/** Whether a change is a delivery that its own task's rules or review judge at once, or anything else. */
export type Lane = 'plain' | 'ruled';

/** A claim is read when it is so old, or with the end of its work if that comes first: less than a pool waits to tell of it. */
const CLAIM_READ_AFTER_MS = 20;

/** Values of one read come to at most so many bytes, as stored, but for a single larger one. */
export const MAX_VALUE_BYTES = 4 * 1024 * 1024;

export async function readUnread(db: Database, limit: number, lane: Lane): Promise<UnreadAttempt[]> {
  const { rows } = await sql<UnreadRow>`
    with unread as (
      select a.*, s.skills, s.step_id, t.spec, t.subtask_count, coalesce(pg_column_size(a.value), 0) as bytes
      from attempt a join subtask s on s.id = a.subtask_id join task t on t.id = a.task_id
      where a.changes > a.seen and ${lane === 'ruled'} = coalesce(a.outcome = 'delivered' and case
        when s.step_id is null then t.subtask_count = 1 and jsonb_array_length(t.spec -> 'rules') > 0
        else (t.spec -> 'steps' -> s.ord -> 'review') is not null end, false)
        and (a.outcome is not null or a.closed_at is not null or a.progress_percent is not null
          or a.claimed_at <= clock_timestamp() - ${CLAIM_READ_AFTER_MS} * interval '1 ms')
      order by a.awarded_at limit ${limit}
    ), measured as (
      select *, sum(bytes) over (order by awarded_at, subtask_id, epoch) - bytes as bytes_before from unread
    )
    select subtask_id as "subtaskId", epoch, task_id as "taskId", agent_id as "agentId", changes,
      closed_at is not null as closed, claimed_at as "claimedAt", progress_percent as "progressPercent",
      progress_note as "progressNote", outcome, case when closed_at is null then value end as value, error,
      input_tokens as "inputTokens", output_tokens as "outputTokens", cost_usd as "costUsd", ended_at as "endedAt",
      skills, step_id as "stepId", spec, subtask_count as "subtaskCount", bytes
    from measured where bytes_before < ${MAX_VALUE_BYTES} order by awarded_at, subtask_id, epoch`.execute(db);
  return rows.map(({ inputTokens, outputTokens, costUsd, ...row }) => ({
    ...row,
    usage: { inputTokens, outputTokens, costUsd },
  }));
}

export async function readTaskData(
  db: Database,
  taskIds: readonly string[],
): Promise<Map<string, Record<string, unknown>>> {
  if (taskIds.length === 0) return new Map();
  const rows = await db.selectFrom('task').select(['id', 'data']).where('id', 'in', taskIds).execute();
  return new Map(rows.map((row) => [row.id, row.data]));
}

/** The receipts of rounds, in the order asked for. */
export async function readReceipts(
  trx: Trx,
  rounds: readonly { taskId: string; round: number }[],
): Promise<(ReceiptRound | undefined)[]> {
  const { rows } = await sql<{ position: number; receipt: ReceiptRound }>`
    select x.position::int - 1 as position, r.receipt
    from jsonb_array_elements(${JSON.stringify(rounds)}::jsonb) with ordinality as x(round, position)
    join round r on r.task_id = (x.round ->> 'taskId')::uuid and r.round = (x.round ->> 'round')::int`.execute(trx);
  const byPosition = new Map(rows.map((row) => [row.position, row.receipt]));
  return rounds.map((_round, position) => byPosition.get(position));
}

/** Open attempts whose lease or dispatch time has run out by the database's clock. */
export async function readDueAttempts(db: Database, limit: number): Promise<DueAttempt[]> {
  const { rows } = await sql<DueAttempt>`
    select task_id as "taskId", subtask_id as "subtaskId", epoch, pool, claimed_at is not null as claimed, requeues
    from attempt where closed_at is null and outcome is null and due_at <= clock_timestamp()
    order by due_at limit ${limit}`.execute(db);
  return rows;
}

/**
 * Puts the jobs of unclaimed awards into the outbox once more, under the same ids, and gives them another term. An award
 * that somebody holds is being claimed or settled: it is left to them.
 */
export async function requeueAttempts(
  db: Database,
  attempts: readonly { subtaskId: string; epoch: number; queue: string; jobId: string }[],
  dispatchMs: number,
): Promise<void> {
  await sql`
    with unclaimed as (
      select a.subtask_id, a.epoch, x.queue, x."jobId" as job_id
      from attempt a join jsonb_to_recordset(${JSON.stringify(attempts)}::jsonb)
          as x("subtaskId" text, epoch int, queue text, "jobId" text)
        on a.subtask_id = x."subtaskId" and a.epoch = x.epoch
      where a.closed_at is null and a.claimed_at is null
      order by a.subtask_id, a.epoch for update of a skip locked
    ), again as (
      update attempt a set requeues = requeues + 1, due_at = clock_timestamp() + ${dispatchMs} * interval '1 ms'
      from unclaimed u where a.subtask_id = u.subtask_id and a.epoch = u.epoch
      returning u.queue, u.job_id, u.subtask_id, u.epoch
    )
    insert into outbox (queue, job_id, data)
    select queue, job_id, jsonb_build_object('kind', 'subtask', 'subtaskId', subtask_id, 'epoch', epoch) from again`.execute(
    db,
  );
}

export interface UnreadMessage {
  id: string;
  taskId: string;
  subtaskId: string;
  from: string;
  to: string | null;
  topic: string;
}

export async function readUnreadMessages(db: Database, limit: number): Promise<UnreadMessage[]> {
  const { rows } = await sql<UnreadMessage>`
    select id, task_id as "taskId", subtask_id as "subtaskId", from_agent as "from", to_agent as "to", topic
    from agent_message where pending order by at limit ${limit}`.execute(db);
  return rows;
}

/** Marks messages as told; returns those that were not told before. */
export async function markMessagesTold(trx: Trx, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    update agent_message set pending = false where id = any(${ids}::uuid[]) and pending returning id`.execute(trx);
  return new Set(rows.map((row) => row.id));
}
