import type { ProcessRole } from '../src/config.ts';

/** Agents of one pool, as data: a process that is measured makes them from it. */
export interface PoolPlan {
  name: string;
  agents: { id: string; skills: string[]; capacity?: number }[];
  /** How long each attempt takes; 0 delivers at once. */
  workMs: number;
}

export interface MarketPlan {
  databaseUrl: string;
  redisUrl: string;
  roles: ProcessRole[];
  pools: PoolPlan[];
}

/** The first admin key of every market that is measured: it lives as long as the benchmark. */
export const ADMIN_KEY = `sb_${'benchmark'.repeat(4)}`;

/** `agents` agents in `pools` pools, the skills dealt out in turn. */
export function evenPools(options: {
  pools: number;
  agents: number;
  skills: readonly string[];
  workMs: number;
  capacity?: number;
}): PoolPlan[] {
  const { pools, agents, skills, workMs, capacity } = options;
  return Array.from({ length: pools }, (_pool, pool) => ({
    name: `pool-${pool}`,
    workMs,
    agents: Array.from({ length: agents / pools }, (_agent, index) => {
      const number = pool + index * pools;
      return {
        id: `agent-${number}`,
        skills: [skills[number % skills.length] ?? 'any'],
        ...(capacity === undefined ? {} : { capacity }),
      };
    }),
  }));
}
