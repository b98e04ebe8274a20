import { rounded } from '../figures.ts';
import { evenPools } from '../market-plan.ts';
import type { Stores } from '../stores.ts';
import { startMarket, submit } from '../subject.ts';

export interface BurstFigures {
  tasks: number;
  completed: number;
  /** From the first submission to the last completion, seen from outside. */
  seconds: number;
}

/** 100 tasks at once, at a market that has just begun to listen. */
export async function measureBurst(stores: Stores): Promise<BurstFigures> {
  const tasks = 100;
  const pools = evenPools({ pools: 4, agents: 100, skills: ['skill-0', 'skill-1'], workMs: 0 });
  const market = await startMarket(stores, { database: 'burst', roles: ['api', 'orchestrator', 'agents'], pools });
  try {
    const startedAt = performance.now();
    await submit(
      market.url,
      [
        { type: 'burst', requiredSkills: ['skill-0'] },
        { type: 'burst', requiredSkills: ['skill-1'] },
      ],
      tasks,
      tasks,
    );
    const completed = await market.drain('burst');
    return { tasks, completed, seconds: rounded((performance.now() - startedAt) / 1_000, 2) };
  } finally {
    await market.stop();
  }
}
