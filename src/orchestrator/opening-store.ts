import { sql } from 'kysely';
import type { Database } from '../db/database.ts';
import type { Opening } from './core/closing.ts';
import { RAISE_AFTER_MS } from './core/order-of-work.ts';

export interface Need {
  need: string;
  skills: string[];
  domain: string | null;
}

export interface TakenOpening extends Opening {
  need: string;
}

export interface TakeRequest {
  need: string;
  limit: number;
  /** Only openings that were never announced. */
  onlyNew: boolean;
  /** Openings that wait for capacity are due as well. */
  parkedToo: boolean;
}

/** The distinct needs on the board. A loose index scan: the cost grows with needs, not with openings. */
export async function listNeeds(db: Database): Promise<Need[]> {
  const { rows } = await sql<Need>`
    with recursive n as (
      (select need, skills, domain from opening order by need limit 1)
      union all
      select o.* from n cross join lateral (
        select need, skills, domain from opening where need > n.need order by need limit 1) o
    )
    select * from n`.execute(db);
  return rows;
}

/**
 * Takes at most `limit` due openings of all requests in the order of work (`compareWaiting` in core states the same) and
 * hides each for `holdMs`, so that another orchestrator takes it only if this one dies.
 */
export async function takeOpenings(
  db: Database,
  requests: readonly TakeRequest[],
  options: { holdMs: number; limit?: number },
): Promise<TakenOpening[]> {
  if (requests.length === 0) return [];
  // The commit need not wait for the disk: a hiding that a crash undoes is an opening announced again, as if we had died.
  const { rows } = await sql<TakenOpening>`
    with relaxed as materialized (
      select set_config('synchronous_commit', 'off', true)
    ), due as materialized (
      select o.*
      from relaxed, jsonb_to_recordset(${JSON.stringify(requests)}::jsonb) as w(need text, "limit" int, "onlyNew" boolean, "parkedToo" boolean)
      cross join lateral (
        select task_id, ord, deadline, opened_at,
          least(3, priority + floor(extract(epoch from clock_timestamp() - opened_at)::float8 * 1000 / ${RAISE_AFTER_MS}::int)) as level
        from opening
        where need = w.need and (due_at <= clock_timestamp() or (parked and w."parkedToo"))
          and (not w."onlyNew" or tries = 0)
        order by level desc, deadline asc nulls last, opened_at, task_id
        limit w."limit" for update skip locked
      ) o
      order by o.level desc, o.deadline asc nulls last, o.opened_at, o.task_id limit ${options.limit ?? null}
    ), taken as (
      update opening set due_at = clock_timestamp() + ${options.holdMs} * interval '1 ms', parked = false, tries = tries + 1
      from due where opening.task_id = due.task_id and opening.ord = due.ord
      returning opening.*, due.level
    )
    select task_id as "taskId", ord, need, skills, domain, tries,
      (incapable_ms + coalesce(extract(epoch from clock_timestamp() - incapable_since) * 1000, 0))::int as "incapableMs"
    from taken order by level desc, deadline asc nulls last, opened_at, task_id`.execute(db);
  return rows;
}

/** When the next opening of the board falls due; null if none waits for a time. */
export async function nextDueMs(db: Database): Promise<number | null> {
  const { rows } = await sql<{ ms: number | null }>`
    select (extract(epoch from min(due_at) - clock_timestamp()) * 1000)::int as ms
    from opening where due_at > clock_timestamp()`.execute(db);
  return rows[0]?.ms ?? null;
}

/** How many openings of a need were announced and wait, counted up to `most`. */
export async function countAnnounced(db: Database, need: string, most: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from (select 1 from opening where need = ${need} and tries > 0 limit ${most}) o`.execute(
    db,
  );
  return rows[0]?.count ?? 0;
}
