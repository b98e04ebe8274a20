/** A process of the market, started and asked by the benchmark: any of its roles, and pools of agents that do next to nothing. */
import { setTimeout as delay } from 'node:timers/promises';
import { createApp, type App } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import type { AgentDefinition } from '../src/contracts/agent-definition.ts';
import { createLogger } from '../src/observability/logger.ts';
import { servePool, type ServedPool } from '../src/serve-pool.ts';
import { startProfile, stopProfile } from './cpu-profile.ts';
import { ADMIN_KEY, type MarketPlan, type PoolPlan } from './market-plan.ts';
import { answerParent } from './parent-link.ts';

const logger = createLogger('warn');
let app: App | undefined;
const served: ServedPool[] = [];

function agentsOf({ agents, workMs }: PoolPlan): AgentDefinition[] {
  return agents.map((agent) => ({
    ...agent,
    execute: async (subtask, context) => {
      if (workMs > 0) await delay(workMs, undefined, { signal: context.signal });
      return { done: subtask.skill };
    },
  }));
}

/** With the role `agents` the first pool is the process's own, as in `npm start`; the others join as pools from outside do. */
async function start({ databaseUrl, redisUrl, roles, pools }: MarketPlan): Promise<string | null> {
  const [own, ...joining] = roles.includes('agents') ? pools : [undefined, ...pools];
  let url: string | null = null;
  if (roles.length > 0) {
    const config = readConfig({
      PORT: '0',
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      SWARMBID_ROLES: roles.join(','),
      SWARMBID_ADMIN_KEY: ADMIN_KEY,
      ...(own === undefined ? {} : { SWARMBID_POOL: own.name }),
    });
    app = await createApp(config, { logger, agents: own === undefined ? [] : agentsOf(own) });
    ({ url } = await app.start());
  }
  for (const pool of joining) {
    if (pool !== undefined)
      served.push(await servePool(agentsOf(pool), { pool: pool.name, databaseUrl, redisUrl, logger }));
  }
  return url;
}

async function stop(): Promise<void> {
  await Promise.all(served.map((pool) => pool.close()));
  await app?.stop();
}

answerParent({
  start: (plan) => start(plan as MarketPlan),
  stop,
  'max-rss-kib': () => process.resourceUsage().maxRSS,
  'start-profile': startProfile,
  'stop-profile': stopProfile,
});
