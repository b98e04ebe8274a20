import { sql } from 'kysely';
import type { HandoffNote } from '../contracts/agent-market.ts';
import type { HandoffEntry, HandoffReport } from '../contracts/handoff.ts';
import type { Database } from '../db/database.ts';
import { storableText } from '../util/json.ts';
import { uuidv7 } from '../util/uuid.ts';

const NAME_CHARS = 200;
const REASON_CHARS = 500;
const ROUTES_SHOWN = 500;

export interface HandoffScope {
  taskId: string;
  subtaskId: string;
  epoch: number;
  ownerId: string;
}

export async function insertHandoff(db: Database, scope: HandoffScope, note: HandoffNote): Promise<void> {
  await db
    .insertInto('handoff')
    .values({
      id: uuidv7(),
      task_id: scope.taskId,
      subtask_id: scope.subtaskId,
      epoch: scope.epoch,
      owner_id: scope.ownerId,
      from_agent: storableText(note.from, NAME_CHARS),
      to_agent: storableText(note.to, NAME_CHARS),
      refused: note.refused,
      reason: storableText(note.reason, REASON_CHARS),
    })
    .execute();
}

/** What an agent may do now is what counts: routes that it names no more go. */
export async function declareRoutes(db: Database, from: string, to: readonly string[]): Promise<void> {
  await sql`
    with gone as (delete from handoff_route where from_agent = ${from} and to_agent <> all(${to}::text[]))
    insert into handoff_route (from_agent, to_agent) select ${from}, unnest(${to}::text[])
    on conflict do nothing`.execute(db);
}

/** A task's handoffs in their order, those after `after`. */
export async function readHandoffs(
  db: Database,
  taskId: string,
  after: string | undefined,
  limit: number,
): Promise<HandoffEntry[]> {
  const rows = await db
    .selectFrom('handoff')
    .selectAll()
    .where('task_id', '=', taskId)
    .$if(after !== undefined, (some) => some.where('id', '>', after ?? ''))
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    taskId: row.task_id,
    subtaskId: row.subtask_id,
    epoch: row.epoch,
    from: row.from_agent,
    to: row.to_agent,
    refused: row.refused,
    reason: row.reason,
    at: row.at.toISOString(),
  }));
}

/**
 * Routes that were declared or used: how often a handoff was made and refused, and in how many attempts the conversation
 * came to an agent that had had it before.
 */
export async function reportHandoffs(db: Database, windowMs: number): Promise<HandoffReport> {
  const { rows } = await sql<HandoffReport['routes'][number]>`
    with recent as (
      select * from handoff where at > clock_timestamp() - ${windowMs} * interval '1 ms'
    ), used as (
      select from_agent, to_agent, count(*) filter (where refused is null)::int as made,
        count(*) filter (where refused is not null)::int as refused
      from recent group by 1, 2
    ), looped as (
      select a.from_agent, a.to_agent, count(distinct (a.subtask_id, a.epoch))::int as loops
      from recent a where a.refused is not null and a.refused <> 'TOO_MANY_HANDOFFS' or exists (
        select from recent b where b.subtask_id = a.subtask_id and b.epoch = a.epoch and b.id < a.id
          and b.refused is null and b.from_agent = a.to_agent)
      group by 1, 2
    )
    select coalesce(r.from_agent, u.from_agent) as "from", coalesce(r.to_agent, u.to_agent) as "to",
      r.from_agent is not null as declared, coalesce(u.made, 0) as made, coalesce(u.refused, 0) as refused,
      coalesce(l.loops, 0) as "loopingAttempts", r.from_agent is not null and u.from_agent is null as "neverUsed"
    from handoff_route r full join used u on u.from_agent = r.from_agent and u.to_agent = r.to_agent
    left join looped l on l.from_agent = u.from_agent and l.to_agent = u.to_agent
    order by coalesce(u.made, 0) desc, 1, 2 limit ${ROUTES_SHOWN}`.execute(db);
  return { windowMs, routes: rows };
}
