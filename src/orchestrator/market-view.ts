import type { Database } from '../db/database.ts';
import { servesDomain, loadPercent, OVERLOAD_PERCENT, type KnownAgent } from './core/eligibility.ts';
import type { Candidate } from './core/team-formation.ts';
import type { Need } from './opening-store.ts';
import { readAgents, readLiveReplicas, readReserved, type AgentRow, type LiveReplica } from './market-rows-store.ts';

/** Whether an opening can be served now. */
export type Prospect =
  | { kind: 'open'; slots: number }
  /** Each skill has an active agent, but not one with a free slot now. */
  | { kind: 'busy' }
  /** No active agent has some required skill. */
  | { kind: 'incapable' };

const AGENTS_MAX_AGE_MS = 10_000;
const REPLICAS_MAX_AGE_MS = 1_000;

/**
 * What an orchestrator remembers of the market between rounds, to judge which openings are worth announcing: agents by
 * skill, live replicas, reserved slots. It may be a moment old; each award is checked again under lock.
 */
export class MarketView {
  private readonly db: Database;
  private readonly leaseMs: number;
  private agents = new Map<string, AgentRow>();
  private bySkill = new Map<string, AgentRow[]>();
  private replicas: LiveReplica[] = [];
  private replicasOf = new Map<string, LiveReplica[]>();
  private reserved = new Map<string, number>();
  private agentsReadAt = -Infinity;
  private replicasReadAt = -Infinity;

  constructor(db: Database, leaseMs: number) {
    this.db = db;
    this.leaseMs = leaseMs;
  }

  /** Agents or replicas changed: read them again before they are used next. */
  invalidate(): void {
    this.agentsReadAt = -Infinity;
    this.replicasReadAt = -Infinity;
  }

  async refresh(nowMs: number): Promise<void> {
    if (nowMs - this.agentsReadAt > AGENTS_MAX_AGE_MS) {
      this.agentsReadAt = nowMs;
      await this.readAgents();
    }
    if (nowMs - this.replicasReadAt > REPLICAS_MAX_AGE_MS) {
      this.replicasReadAt = nowMs;
      this.replicas = await readLiveReplicas(this.db, this.leaseMs);
      this.replicasOf = Map.groupBy(this.replicas, (replica) => replica.pool);
    }
    this.reserved = await readReserved(this.db);
  }

  get liveReplicas(): readonly LiveReplica[] {
    return this.replicas;
  }

  slots(agent: { pool: string | null; capacity: number }): number {
    return agent.capacity * this.replicasFor(agent).length;
  }

  private replicasFor({ pool }: { pool: string | null }): LiveReplica[] {
    return pool === null ? [] : (this.replicasOf.get(pool) ?? []);
  }

  /** All active agents that serve the domain and share a skill with the need. */
  activeFor(need: { skills: readonly string[]; domain: string | null }): Candidate[] {
    return this.holders(need).map((agent) => ({ agentId: agent.id, skills: agent.skills }));
  }

  prospect(need: Need): Prospect {
    const holders = this.holders(need);
    const perSkill =
      need.skills.length === 0
        ? [holders]
        : need.skills.map((skill) => holders.filter((one) => one.skills.includes(skill)));
    if (perSkill.some((agents) => agents.length === 0)) return { kind: 'incapable' };
    const slots = Math.min(
      ...perSkill.map((agents) => agents.reduce((sum, agent) => sum + this.biddableSlots(agent), 0)),
    );
    return slots > 0 ? { kind: 'open', slots } : { kind: 'busy' };
  }

  /** How many more awards an agent may bid for before its load reaches the limit. */
  private biddableSlots(agent: AgentRow): number {
    // One that is not well passes: it is told when that changes.
    const well = this.replicasFor(agent).some((one) => one.healthy && !one.unhealthyAgents.includes(agent.id));
    if (!well) return 0;
    const slots = this.slots(agent);
    const reserved = this.reserved.get(agent.id) ?? 0;
    if (loadPercent(reserved, slots) >= OVERLOAD_PERCENT) return 0;
    return Math.ceil((OVERLOAD_PERCENT / 100) * slots) - reserved;
  }

  private holders(need: { skills: readonly string[]; domain: string | null }): AgentRow[] {
    const domain = need.domain ?? undefined;
    const agents =
      need.skills.length === 0
        ? [...this.agents.values()]
        : need.skills.flatMap((skill) => this.bySkill.get(skill) ?? []);
    return [...new Set(agents)].filter((agent) => servesDomain(agent, domain));
  }

  private async readAgents(): Promise<void> {
    const rows = await readAgents(this.db);
    this.agents = new Map(rows.map((row) => [row.id, row]));
    this.bySkill = new Map();
    for (const row of rows) {
      for (const skill of row.skills) {
        const same = this.bySkill.get(skill);
        if (same === undefined) this.bySkill.set(skill, [row]);
        else same.push(row);
      }
    }
  }
}

export type { KnownAgent };
