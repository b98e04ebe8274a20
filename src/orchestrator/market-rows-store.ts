import { sql } from 'kysely';
import type { Database, Trx } from '../db/database.ts';
import type { KnownAgent } from './core/eligibility.ts';

export interface AgentRow {
  id: string;
  pool: string | null;
  skills: string[];
  domains: string[];
  capacity: number;
}

export interface LiveReplica {
  id: string;
  pool: string;
  healthy: boolean;
  unhealthyAgents: string[];
}

/** Every active agent. */
export async function readAgents(db: Database): Promise<AgentRow[]> {
  return db
    .selectFrom('agent')
    .select(['id', 'pool', 'skills', 'domains', 'capacity'])
    .where('status', '=', 'active')
    .execute();
}

/** Processes whose heartbeat is younger than a lease. */
export async function readLiveReplicas(db: Database | Trx, leaseMs: number): Promise<LiveReplica[]> {
  const { rows } = await sql<LiveReplica>`
    select id, pool, healthy, unhealthy_agents as "unhealthyAgents" from replica
    where heartbeat_at > clock_timestamp() - ${leaseMs} * interval '1 ms'`.execute(db);
  return rows;
}

/** Reserved slots of every agent that has any. */
export async function readReserved(db: Database): Promise<Map<string, number>> {
  const { rows } = await sql<{ id: string; count: number }>`
    select agent_id as id, count(*)::int as count from attempt where closed_at is null group by agent_id`.execute(db);
  return new Map(rows.map((row) => [row.id, row.count]));
}

type LockedAgent = Omit<KnownAgent, 'reservedSlots' | 'slots'> & { capacity: number };
interface AgentCounts {
  id: string;
  reserved: number;
  replicas: number;
}

/**
 * Statements that read what the market's records say of these agents, under lock (in id order), so that two orchestrators
 * cannot give away the same slot. Reserved slots are counted in a second statement: it sees what the lock's last holder has
 * committed. `knownAgents` reads the answers.
 */
export function agentLocks(agentIds: readonly string[], leaseMs: number) {
  const ids = [...new Set(agentIds)];
  const locked = sql<LockedAgent>`
    select id, pool, skills, domains, status, reputation, capacity
    from agent where id = any(${ids}::text[]) order by id for no key update`;
  const counted = sql<AgentCounts>`
    select a.id,
      (select count(*)::int from attempt t where t.agent_id = a.id and t.closed_at is null) as reserved,
      (select count(*)::int from replica r where r.pool = a.pool
         and r.heartbeat_at > clock_timestamp() - ${leaseMs} * interval '1 ms') as replicas
    from agent a where a.id = any(${ids}::text[])`;
  return [locked, counted] as const;
}

export function knownAgents([agents, counts]: readonly [LockedAgent[], AgentCounts[]]): Map<string, KnownAgent> {
  const countOf = new Map(counts.map((row) => [row.id, row]));
  return new Map(
    agents.map(({ capacity, ...agent }) => {
      const count = countOf.get(agent.id);
      return [agent.id, { ...agent, reservedSlots: count?.reserved ?? 0, slots: capacity * (count?.replicas ?? 0) }];
    }),
  );
}
