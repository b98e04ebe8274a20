import { Redis } from 'ioredis';
import { Child } from '../child.ts';
import { median, percentile, rounded } from '../figures.ts';
import type { PoolPlan } from '../market-plan.ts';
import type { Stores } from '../stores.ts';
import { startMarket, type Subject } from '../subject.ts';

interface AnnounceCase {
  agents: number;
  withSkill: number;
  pools: number;
  tasks: number;
  /** From the beginning of the transaction that announces to the rows of the award, by the database's clock. */
  p50Ms: number;
  p99Ms: number;
  /** One announce message and the replies to it. */
  messagesPerAnnouncement: number;
  /** POST to completed. */
  completedP50Ms: number;
}

export interface AnnounceFigures {
  large: AnnounceCase;
  small: AnnounceCase;
}

const POOLS = 4;

export async function measureAnnounce(stores: Stores, quick: boolean): Promise<AnnounceFigures> {
  const tasks = quick ? 50 : 100;
  return {
    large: await announceTo(stores, { agents: 10_000, withSkill: 500, tasks }),
    small: await announceTo(stores, { agents: 1_000, withSkill: 50, tasks }),
  };
}

/** The orchestrator and the API in one process, each pool in its own. */
async function announceTo(
  stores: Stores,
  size: { agents: number; withSkill: number; tasks: number },
): Promise<AnnounceCase> {
  const market = await startMarket(stores, {
    database: `announce_${size.agents}`,
    roles: ['api', 'orchestrator'],
    pools: [],
  });
  const pools = poolsOf(size).map((plan) => ({ plan, child: new Child('market.ts') }));
  const counter = new Redis(stores.redisUrl);
  try {
    for (const { plan, child } of pools) await child.ask('start', { ...market.plan, roles: [], pools: [plan] });
    const body = { type: 'announced', requiredSkills: ['wanted'] };
    for (let warmUp = 0; warmUp < 10; warmUp++) await market.complete({ ...body, type: 'warm-up' });
    const messages = countMessages(counter);
    const completed: number[] = [];
    await messages.begin();
    while (completed.length < size.tasks) completed.push(await market.complete(body));
    const times = await announcedToAwarded(market);
    return {
      ...size,
      pools: POOLS,
      p50Ms: rounded(median(times)),
      p99Ms: rounded(percentile(times, 0.99)),
      messagesPerAnnouncement: rounded(messages.count() / size.tasks, 2),
      completedP50Ms: rounded(median(completed)),
    };
  } finally {
    counter.disconnect();
    await Promise.all(pools.map(({ child }) => child.stop()));
    await market.stop();
  }
}

/** Those with the skill are spread over the pools; each of the others has one of 100 other skills. */
function poolsOf({ agents, withSkill }: { agents: number; withSkill: number }): PoolPlan[] {
  return Array.from({ length: POOLS }, (_pool, pool) => ({
    name: `pool-${pool}`,
    workMs: 0,
    agents: Array.from({ length: agents / POOLS }, (_agent, index) => ({
      id: `agent-${pool}-${index}`,
      skills: [index < withSkill / POOLS ? 'wanted' : `other-${index % 100}`],
    })),
  }));
}

function countMessages(redis: Redis): { begin(): Promise<void>; count(): number } {
  let count = 0;
  redis.on('pmessage', (_pattern, channel) => {
    if (/^swarmbid:(announce$|reply\.)/.test(channel)) count += 1;
  });
  return {
    begin: async () => {
      await redis.psubscribe('swarmbid:*');
    },
    count: () => count,
  };
}

async function announcedToAwarded({ db }: Subject): Promise<number[]> {
  const { rows } = await db.query<{ ms: string }>(`
    select extract(epoch from attempt.awarded_at - event.at) * 1000 as ms
    from task join event on event.task_id = task.id and event.type = 'task.announced'
    join attempt on attempt.task_id = task.id where task.type = 'announced'`);
  return rows.map((row) => Number(row.ms));
}
