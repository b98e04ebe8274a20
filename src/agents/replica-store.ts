import { sql } from 'kysely';
import { MarketError } from '../contracts/errors.ts';
import type { Database } from '../db/database.ts';

export interface AgentCard {
  id: string;
  name: string;
  skills: string[];
  domains: string[];
  capacity: number;
}

/**
 * Registers a pool's agents and this process as one of its replicas, in one transaction. What the code says of an agent wins
 * over what was registered before; its status and reputation stay.
 * @throws MarketError CONFLICT that names every agent which another live pool serves or which was retired
 */
export async function joinMarket(
  db: Database,
  replica: { id: string; pool: string },
  agents: readonly AgentCard[],
  leaseMs: number,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const ids = agents.map((agent) => agent.id);
    const taken = await sql<{ id: string; pool: string | null; status: string; live: boolean }>`
      select a.id, a.pool, a.status, exists (select 1 from replica r where r.pool = a.pool
        and r.heartbeat_at > clock_timestamp() - ${leaseMs} * interval '1 ms') as live
      from agent a where a.id = any(${ids}::text[]) order by a.id for update`.execute(trx);
    const faults = taken.rows.flatMap((row) => {
      if (row.status === 'retired') return [`agent "${row.id}" was retired; register it again with POST /v1/agents`];
      return row.pool !== null && row.pool !== replica.pool && row.live
        ? [`agent "${row.id}" is served by the live pool "${row.pool}"; rename the agent or stop that pool`]
        : [];
    });
    if (faults.length > 0)
      throw new MarketError('CONFLICT', `Pool "${replica.pool}" cannot join: ${faults.join('; ')}.`);
    await sql`
      insert into agent (id, name, skills, domains, capacity, pool)
      select x.*, ${replica.pool} from jsonb_to_recordset(${JSON.stringify(agents)}::jsonb)
        as x(id text, name text, skills text[], domains text[], capacity int)
      on conflict (id) do update set name = excluded.name, skills = excluded.skills, domains = excluded.domains,
        capacity = excluded.capacity, pool = excluded.pool`.execute(trx);
    await sql`delete from replica where heartbeat_at < clock_timestamp() - interval '1 day'`.execute(trx);
    await trx.insertInto('replica').values({ id: replica.id, pool: replica.pool }).execute();
  });
}

/** Skills and domains of a pool's agents, as they are registered. */
export async function readRegistered(
  db: Database,
  pool: string,
): Promise<Pick<AgentCard, 'id' | 'skills' | 'domains'>[]> {
  return db.selectFrom('agent').select(['id', 'skills', 'domains']).where('pool', '=', pool).execute();
}

export interface Heartbeat {
  eventLoopDelayMs: number;
  memoryPercent: number;
  /** Why the process is unhealthy; null if it is not. */
  fault: string | null;
  unhealthyAgents: string[];
}

export async function writeHeartbeat(
  db: Database,
  replica: { id: string; pool: string },
  beat: Heartbeat,
): Promise<void> {
  await sql`
    insert into replica (id, pool, healthy, reason, event_loop_delay_ms, memory_percent, unhealthy_agents)
    values (${replica.id}, ${replica.pool}, ${beat.fault === null}, ${beat.fault}, ${beat.eventLoopDelayMs},
      ${beat.memoryPercent}, ${beat.unhealthyAgents}::text[])
    on conflict (id) do update set heartbeat_at = clock_timestamp(), healthy = excluded.healthy, reason = excluded.reason,
      event_loop_delay_ms = excluded.event_loop_delay_ms, memory_percent = excluded.memory_percent,
      unhealthy_agents = excluded.unhealthy_agents`.execute(db);
}

export async function leaveMarket(db: Database, replicaId: string): Promise<void> {
  await db.deleteFrom('replica').where('id', '=', replicaId).execute();
}

/** A live process that serves the agent, preferring `preferred`; null if there is none. */
export async function findReplica(
  db: Database,
  agentId: string,
  preferred: string,
  leaseMs: number,
): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select r.id from agent a join replica r on r.pool = a.pool
    where a.id = ${agentId} and r.heartbeat_at > clock_timestamp() - ${leaseMs} * interval '1 ms'
    order by r.id = ${preferred} desc, r.heartbeat_at desc limit 1`.execute(db);
  return rows[0]?.id ?? null;
}
