import { Child } from '../child.ts';
import { rounded } from '../figures.ts';
import { evenPools } from '../market-plan.ts';
import type { Stores } from '../stores.ts';
import { startMarket, submit } from '../subject.ts';

export interface QueueFigures {
  tasks: number;
  completed: number;
  lost: number;
  /** Open tasks when the last had been submitted. */
  waiting: number;
  /** The most that the orchestrator's process had resident. */
  orchestratorMb: number;
  seconds: number;
  method: { agents: number; capacity: number; workMs: number };
}

/** A backlog that the agents cannot keep up with; the API, the orchestrator and the pools are processes of their own. */
export async function measureQueue(stores: Stores, quick: boolean): Promise<QueueFigures> {
  const tasks = quick ? 2_000 : 10_000;
  const method = { agents: 100, capacity: 1, workMs: 500 };
  const market = await startMarket(stores, { database: 'queue', roles: ['api'], pools: [] });
  const [orchestrator, agents] = [new Child('market.ts', 'image'), new Child('market.ts', 'image')];
  try {
    await orchestrator.ask('start', { ...market.plan, roles: ['orchestrator'], pools: [] });
    const pools = evenPools({ pools: 4, skills: ['slow'], ...method });
    await agents.ask('start', { ...market.plan, roles: [], pools });
    const startedAt = performance.now();
    await submit(market.url, [{ type: 'queued', requiredSkills: ['slow'] }], tasks);
    const waiting = await market.db.query<{ count: number }>('select count(*)::int as count from opening');
    const completed = await market.drain('queued');
    return {
      tasks,
      completed,
      lost: tasks - completed,
      waiting: waiting.rows[0]?.count ?? 0,
      orchestratorMb: rounded(await orchestrator.maxRssMb(), 0),
      seconds: rounded((performance.now() - startedAt) / 1_000),
      method,
    };
  } finally {
    await Promise.all([agents.stop(), orchestrator.stop()]);
    await market.stop();
  }
}
