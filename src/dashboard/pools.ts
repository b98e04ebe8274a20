/** The market's pools, as its agents' cards show them. Pure. */
import type { AgentView } from '../sdk/index.ts';

type Replica = AgentView['replicas'][number];

export interface PoolView {
  name: string;
  agents: number;
  replicas: Replica[];
  healthyReplicas: number;
  reservedSlots: number;
  /** Of all its agents on all its replicas. */
  slots: number;
}

/** By name; agents without a pool are left out, for nobody serves them. */
export function poolsOf(agents: readonly AgentView[]): PoolView[] {
  const byName = new Map<string, AgentView[]>();
  for (const agent of agents) {
    if (agent.pool === null) continue;
    byName.set(agent.pool, [...(byName.get(agent.pool) ?? []), agent]);
  }
  return [...byName].map(([name, members]) => poolOf(name, members)).sort((a, b) => a.name.localeCompare(b.name));
}

function poolOf(name: string, members: readonly AgentView[]): PoolView {
  const replicas = [...new Map(members.flatMap((agent) => agent.replicas).map((one) => [one.id, one])).values()];
  return {
    name,
    agents: members.length,
    replicas,
    healthyReplicas: replicas.filter((replica) => replica.healthy).length,
    reservedSlots: members.reduce((sum, agent) => sum + agent.reservedSlots, 0),
    slots: members.reduce((sum, agent) => sum + agent.capacity * agent.replicas.length, 0),
  };
}
