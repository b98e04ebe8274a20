import { median, percentile, rounded, spreadOf, type Spread } from '../figures.ts';
import { evenPools } from '../market-plan.ts';
import type { Stores } from '../stores.ts';
import { startBarePipeline, startMarket, throughput, type TaskBody } from '../subject.ts';

export interface TeamFigures {
  /** POST to completed of one task of 3 parts that take 200 ms each, on an idle market. */
  p50Ms: number;
  p95Ms: number;
  /** Tasks of 3 parts that take no time. */
  marketPerSecond: number;
  barePerSecond: number;
  ratio: number;
  spread: { ratio: Spread };
  method: { parts: number; workMs: number; idleTasks: number; tasksPerRun: number; runs: number };
}

const SKILLS = ['first', 'second', 'third'];
const body = (type: string): TaskBody => ({ type, requiredSkills: SKILLS, complexity: 'complex' });

export async function measureTeam(stores: Stores, quick: boolean): Promise<TeamFigures> {
  const method = {
    parts: 3,
    workMs: 200,
    idleTasks: quick ? 10 : 40,
    tasksPerRun: quick ? 300 : 1_000,
    runs: quick ? 2 : 3,
  };
  const idle = await idleTeams(stores, method.workMs, method.idleTasks);
  const rates = await teamRates(stores, method.runs, method.tasksPerRun);
  const ratio = spreadOf(
    rates.map((rate) => rate.market / rate.bare),
    2,
  );
  return {
    p50Ms: rounded(median(idle)),
    p95Ms: rounded(percentile(idle, 0.95)),
    marketPerSecond: Math.round(median(rates.map((rate) => rate.market))),
    barePerSecond: Math.round(median(rates.map((rate) => rate.bare))),
    ratio: ratio.median,
    spread: { ratio },
    method,
  };
}

async function idleTeams(stores: Stores, workMs: number, tasks: number): Promise<number[]> {
  const pools = evenPools({ pools: 4, agents: 12, skills: SKILLS, workMs });
  const market = await startMarket(stores, { database: 'team_idle', roles: ['api', 'orchestrator', 'agents'], pools });
  try {
    for (let warmUp = 0; warmUp < 5; warmUp++) await market.complete(body('warm-up'));
    const times: number[] = [];
    while (times.length < tasks) times.push(await market.complete(body('idle')));
    return times;
  } finally {
    await market.stop();
  }
}

/** Against BullMQ flows of a parent and 3 jobs. */
async function teamRates(stores: Stores, runs: number, tasks: number): Promise<{ market: number; bare: number }[]> {
  const bare = await startBarePipeline(stores, 'team_bare');
  const pools = evenPools({ pools: 4, agents: 108, skills: SKILLS, workMs: 0 });
  const market = await startMarket(stores, {
    database: 'team_market',
    roles: ['api', 'orchestrator', 'agents'],
    pools,
  });
  try {
    for (const subject of [market, bare]) await throughput(subject, [body('warm-up')], tasks / 2);
    const rates: { market: number; bare: number }[] = [];
    for (let run = 0; run < runs; run++) {
      rates.push({
        market: await throughput(market, [body(`run-${run}`)], tasks),
        bare: await throughput(bare, [body(`run-${run}`)], tasks),
      });
    }
    return rates;
  } finally {
    await Promise.all([market.stop(), bare.stop()]);
  }
}
