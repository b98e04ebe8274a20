import { sql } from 'kysely';
import type { Principal } from '../contracts/access.ts';
import type { AgentChange, AgentRegistration, AgentView, ReplicaView } from '../contracts/agent.ts';
import { MarketError } from '../contracts/errors.ts';
import { decodeCursor, pageOf } from '../contracts/page-cursor.ts';
import { SLUG_PATTERN, type Page } from '../contracts/primitives.ts';
import type { AgentDirectory, PageQuery } from '../contracts/services.ts';
import { auditEntry } from '../db/audit-entry.ts';
import type { Database, Trx } from '../db/database.ts';

export interface DirectoryOptions {
  db: Database;
  leaseMs: number;
  tierOf: (reputation: number) => AgentView['tier'];
  /** Agents were registered, changed or retired. */
  onChange: () => void;
}

interface AgentRow {
  id: string;
  name: string;
  skills: string[];
  domains: string[];
  capacity: number;
  pool: string | null;
  status: AgentView['status'];
  reputation: number;
  registered_at: Date;
  reserved: number;
  replicas: (Omit<ReplicaView, never> & { unhealthyAgents: string[] })[];
}

/** The market's list of agents, as people and programs read and change it. */
export function createAgentDirectory(options: DirectoryOptions): AgentDirectory {
  const { db, onChange } = options;
  const read = (where: { id?: string; after?: string; limit: number }) => readAgents(options, where);

  const get = async (agentId: string): Promise<AgentView> => {
    const [agent] = await read({ id: agentId.toLowerCase(), limit: 1 });
    if (agent === undefined) throw new MarketError('NOT_FOUND', 'There is no such agent.');
    return agent;
  };

  const change = async (
    entry: { principal: Principal; action: string; agentId: string; details: object },
    write: (trx: Trx) => Promise<unknown>,
  ): Promise<void> => {
    await db.transaction().execute(async (trx) => {
      await write(trx);
      await auditEntry(entry.principal, entry.action, entry.agentId, { ...entry.details }).execute(trx);
    });
    onChange();
  };

  return {
    list: (query) => listAgents(read, query),
    get,
    async register(principal, registration) {
      const entry = { principal, action: 'agent.register', agentId: registration.id, details: registration };
      await change(entry, (trx) => insertAgent(trx, registration));
      return get(registration.id);
    },
    async change(principal, agentId, details) {
      const { id } = await get(agentId);
      await change({ principal, action: 'agent.change', agentId: id, details }, (trx) => updateAgent(trx, id, details));
      return get(id);
    },
    async retire(principal, agentId) {
      const { id } = await get(agentId);
      await change({ principal, action: 'agent.retire', agentId: id, details: {} }, (trx) =>
        updateAgent(trx, id, { status: 'retired' }),
      );
    },
  };
}

async function listAgents(
  read: (where: { after?: string; limit: number }) => Promise<AgentView[]>,
  query: PageQuery,
): Promise<Page<AgentView>> {
  const after = decodeCursor(query.cursor, SLUG_PATTERN);
  const agents = await read({ ...(after === undefined ? {} : { after }), limit: query.limit + 1 });
  return pageOf(
    agents,
    query.limit,
    (agent) => agent,
    (agent) => agent.id,
  );
}

async function readAgents(
  options: DirectoryOptions,
  where: { id?: string; after?: string; limit: number },
): Promise<AgentView[]> {
  const { rows } = await sql<AgentRow>`
    select a.id, a.name, a.skills, a.domains, a.capacity, a.pool, a.status, a.reputation, a.registered_at,
      (select count(*)::int from attempt t where t.agent_id = a.id and t.closed_at is null) as reserved,
      coalesce((select jsonb_agg(jsonb_build_object('id', r.id, 'startedAt', r.started_at, 'heartbeatAt', r.heartbeat_at,
          'healthy', r.healthy, 'reason', r.reason, 'eventLoopDelayMs', r.event_loop_delay_ms,
          'memoryPercent', r.memory_percent, 'unhealthyAgents', r.unhealthy_agents) order by r.started_at)
        from replica r where r.pool = a.pool
          and r.heartbeat_at > clock_timestamp() - ${options.leaseMs} * interval '1 ms'), '[]') as replicas
    from agent a
    where a.status <> 'retired' and (${where.id ?? null}::text is null or a.id = ${where.id ?? null})
      and (${where.after ?? null}::text is null or a.id > ${where.after ?? null})
    order by a.id limit ${where.limit}`.execute(options.db);
  return rows.map((row) => agentView(row, options.tierOf));
}

function agentView(row: AgentRow, tierOf: DirectoryOptions['tierOf']): AgentView {
  const replicas = row.replicas.map(({ unhealthyAgents, ...replica }) => ({
    ...replica,
    healthy: replica.healthy && !unhealthyAgents.includes(row.id),
    reason: replica.reason ?? (unhealthyAgents.includes(row.id) ? "the agent's own health() says so" : null),
    startedAt: new Date(replica.startedAt).toISOString(),
    heartbeatAt: new Date(replica.heartbeatAt).toISOString(),
  }));
  const slots = row.capacity * Math.max(1, replicas.length);
  return {
    id: row.id,
    name: row.name,
    skills: row.skills,
    domains: row.domains,
    capacity: row.capacity,
    pool: row.pool,
    status: row.status,
    reputation: row.reputation,
    tier: tierOf(row.reputation),
    loadPercent: Math.round((10_000 * row.reserved) / slots) / 100,
    reservedSlots: row.reserved,
    healthy: replicas.some((replica) => replica.healthy),
    replicas,
    registeredAt: row.registered_at.toISOString(),
  };
}

async function insertAgent(trx: Trx, registration: AgentRegistration): Promise<void> {
  const card = {
    name: registration.name ?? registration.id,
    skills: registration.skills,
    domains: registration.domains,
    capacity: registration.capacity,
    pool: registration.pool ?? null,
    status: 'active' as const,
  };
  const inserted = await trx
    .insertInto('agent')
    .values({ id: registration.id, ...card })
    // A retired agent may come back under its old name and history.
    .onConflict((on) => on.column('id').doUpdateSet(card).where('agent.status', '=', 'retired'))
    .returning('id')
    .executeTakeFirst();
  if (inserted === undefined)
    throw new MarketError('CONFLICT', `Agent "${registration.id}" is registered already; change it with PATCH.`);
}

async function updateAgent(
  trx: Trx,
  agentId: string,
  change: Omit<AgentChange, 'status'> & { status?: AgentView['status'] | 'retired' | undefined },
): Promise<void> {
  await trx.updateTable('agent').set(change).where('id', '=', agentId).execute();
}

/** The pools that serve agents, or did. */
export async function listPools(db: Database): Promise<string[]> {
  const pools = db.selectFrom('agent').select('pool').distinct().where('pool', 'is not', null).orderBy('pool');
  return (await pools.execute()).flatMap(({ pool }) => pool ?? []);
}
