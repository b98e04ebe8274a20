import { sql } from 'kysely';
import type { Outcome } from '../contracts/ledger.ts';
import type { Database, Trx } from '../db/database.ts';
import type { AgentTotals, AppliedEntry, SkillTotals } from './core/fold-plan.ts';

export interface UnfoldedEntry {
  id: number;
  agentId: string;
  taskId: string;
  ownerId: string;
  subtaskId: string;
  skill: string | null;
  outcome: Outcome;
  quality: number | null;
  delta: number;
  reason: string | null;
  durationMs: number | null;
  team: boolean;
}

/**
 * Locks and reads up to `limit` unfolded entries, each agent's in order of id. It waits for rows that another fold holds
 * instead of skipping them: skipped rows would let an agent's later entries be applied before its earlier ones. After the
 * wait PostgreSQL checks `fold_seq is null` again, so what the other fold has taken falls out. Served by ledger_unfolded.
 */
export async function lockUnfolded(trx: Trx, limit: number): Promise<UnfoldedEntry[]> {
  return trx
    .selectFrom('ledger')
    .select(['id', 'agent_id as agentId', 'task_id as taskId', 'owner_id as ownerId', 'subtask_id as subtaskId'])
    .select(['skill', 'outcome', 'quality', 'delta', 'reason', 'duration_ms as durationMs', 'team'])
    .where('fold_seq', 'is', null)
    .orderBy('agent_id')
    .orderBy('id')
    .limit(limit)
    .forUpdate()
    .execute();
}

/**
 * Locks the agents in order of id and reads their reputations as last committed. The lock makes the order in which folds
 * touch one agent also the order in which they draw its `fold_seq`. `no key`: foreign keys to the agent need not wait.
 */
export async function lockReputations(trx: Trx, agentIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await trx
    .selectFrom('agent')
    .select(['id', 'reputation'])
    .where('id', 'in', agentIds)
    .orderBy('id')
    .forNoKeyUpdate()
    .execute();
  return new Map(rows.map((row) => [row.id, row.reputation]));
}

/** Where the entries of agents that have no record left off; an agent without folded entries is absent. */
export async function lastReputations(trx: Trx, agentIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await trx
    .selectFrom('ledger')
    .distinctOn('agent_id')
    .select(['agent_id', 'after'])
    .where('agent_id', 'in', agentIds)
    .where('fold_seq', 'is not', null)
    .orderBy('agent_id')
    .orderBy('fold_seq', 'desc')
    .execute();
  return new Map(rows.flatMap((row) => (row.after === null ? [] : [[row.agent_id, row.after] as const])));
}

/**
 * Writes what the fold applied: entries, the agents' projection and the totals by skill, in one statement. `fold_seq` is
 * drawn here, with the agents locked, above a sort: it grows in the order in which the entries were applied.
 * @returns `fold_seq` by entry id
 */
export async function writeFold(
  trx: Trx,
  entries: readonly AppliedEntry[],
  agents: readonly AgentTotals[],
  skills: readonly SkillTotals[],
): Promise<Map<number, number>> {
  const { rows } = await sql<{ id: number; fold_seq: number }>`
    with numbered as materialized (
      select id, before, after, nextval('ledger_fold_seq') as fold_seq
      from (select * from jsonb_to_recordset(${JSON.stringify(entries)}::jsonb)
              as e (ord int, id bigint, before int, after int) order by ord) applied
    ), folded as (
      update ledger l set fold_seq = n.fold_seq, before = n.before, after = n.after
      from numbered n where l.id = n.id
      returning l.id, l.fold_seq
    ), agents as (
      update agent a set
        reputation = t.reputation,
        accepted = a.accepted + t.accepted,
        failed = a.failed + t.failed,
        response_ms_sum = a.response_ms_sum + t.response_ms,
        team_accepted = a.team_accepted + t.team_accepted,
        team_failed = a.team_failed + t.team_failed
      from jsonb_to_recordset(${JSON.stringify(agents)}::jsonb) as t (
        id text, reputation int, accepted int, failed int, response_ms bigint, team_accepted int, team_failed int)
      where a.id = t.id
    ), skills as (
      insert into agent_skill as s (agent_id, skill, accepted, failed, quality_sum, quality_count, duration_ms_sum, duration_count)
      select agent_id, skill, accepted, failed, quality_sum, quality_count, duration_ms_sum, duration_count
      from jsonb_to_recordset(${JSON.stringify(skills)}::jsonb) as t (
        agent_id text, skill text, accepted int, failed int, quality_sum float8, quality_count int,
        duration_ms_sum bigint, duration_count int)
      on conflict (agent_id, skill) do update set
        accepted = s.accepted + excluded.accepted,
        failed = s.failed + excluded.failed,
        quality_sum = s.quality_sum + excluded.quality_sum,
        quality_count = s.quality_count + excluded.quality_count,
        duration_ms_sum = s.duration_ms_sum + excluded.duration_ms_sum,
        duration_count = s.duration_count + excluded.duration_count
    )
    select id, fold_seq from folded`.execute(trx);
  return new Map(rows.map((row) => [row.id, row.fold_seq]));
}

export interface UntoldEntry {
  agentId: string;
  taskId: string;
  ownerId: string;
  subtaskId: string;
  outcome: Outcome;
  quality: number | null;
  delta: number;
  reason: string | null;
  before: number;
  after: number;
  foldSeq: number;
}

/** Folded entries that no event has told yet, in the order of the fold. Served by ledger_untold. */
export async function readUntold(db: Database, limit: number): Promise<UntoldEntry[]> {
  const { rows } = await sql<UntoldEntry>`
    select agent_id as "agentId", task_id as "taskId", owner_id as "ownerId", subtask_id as "subtaskId", outcome, quality,
      delta, reason, before, after, fold_seq as "foldSeq"
    from ledger where fold_seq is not null and not told order by fold_seq limit ${limit}`.execute(db);
  return rows;
}

/** Marks entries as told; returns those that were not before. */
export async function markTold(trx: Trx, foldSeqs: readonly number[]): Promise<Set<number>> {
  const { rows } = await sql<{ foldSeq: number }>`
    update ledger set told = true
    where id in (select id from ledger where fold_seq = any(${foldSeqs}::bigint[]) and not told order by id for update)
    returning fold_seq as "foldSeq"`.execute(trx);
  return new Set(rows.map((row) => row.foldSeq));
}
