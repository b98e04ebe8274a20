import type { ProfileSummary } from '../cpu-profile.ts';
import { median, percentile, rounded, spreadOf, type Spread } from '../figures.ts';
import { evenPools } from '../market-plan.ts';
import type { Stores } from '../stores.ts';
import { startBarePipeline, startMarket, throughput, type Subject, type TaskBody } from '../subject.ts';

export interface SimpleFigures {
  marketPerSecond: number;
  barePerSecond: number;
  /** Median of the ratios of neighbouring runs. */
  ratio: number;
  marketP50Ms: number;
  bareP50Ms: number;
  spread: { marketPerSecond: Spread; barePerSecond: Spread; ratio: Spread; marketP95Ms: number; bareP95Ms: number };
  method: {
    agents: number;
    pools: number;
    skills: number;
    submitters: number;
    tasksPerRun: number;
    runs: number;
    idleTasks: number;
  };
  marketProfile: ProfileSummary;
  bareProfile: ProfileSummary;
}

const SKILLS = Array.from({ length: 10 }, (_skill, index) => `skill-${index}`);

/** Simple tasks, market and bare pipeline in turn, so that what else the machine does falls on both. */
export async function measureSimple(stores: Stores, quick: boolean): Promise<SimpleFigures> {
  const method = {
    agents: 100,
    pools: 4,
    skills: 10,
    submitters: 64,
    tasksPerRun: quick ? 1_000 : 3_000,
    runs: quick ? 3 : 5,
    idleTasks: quick ? 50 : 200,
  };
  const bare = await startBarePipeline(stores, 'simple_bare');
  const pools = evenPools({ pools: method.pools, agents: method.agents, skills: SKILLS, workMs: 0 });
  const market = await startMarket(stores, {
    database: 'simple_market',
    roles: ['api', 'orchestrator', 'agents'],
    pools,
  });
  try {
    for (const subject of [market, bare]) await throughput(subject, bodiesOf('warm-up'), method.tasksPerRun / 2);
    const runs = await alternate(method.runs, method.tasksPerRun, market, bare);
    const idle = await idleLatency(method.idleTasks, market, bare);
    const profiles = {
      marketProfile: await profiled(market, method.tasksPerRun),
      bareProfile: await profiled(bare, method.tasksPerRun),
    };
    const spread = {
      marketPerSecond: spreadOf(
        runs.map((run) => run.market),
        0,
      ),
      barePerSecond: spreadOf(
        runs.map((run) => run.bare),
        0,
      ),
      ratio: spreadOf(
        runs.map((run) => run.market / run.bare),
        2,
      ),
      marketP95Ms: rounded(percentile(idle.market, 0.95)),
      bareP95Ms: rounded(percentile(idle.bare, 0.95)),
    };
    return {
      marketPerSecond: spread.marketPerSecond.median,
      barePerSecond: spread.barePerSecond.median,
      ratio: spread.ratio.median,
      marketP50Ms: rounded(median(idle.market)),
      bareP50Ms: rounded(median(idle.bare)),
      spread,
      method,
      ...profiles,
    };
  } finally {
    await Promise.all([market.stop(), bare.stop()]);
  }
}

function bodiesOf(type: string): TaskBody[] {
  return SKILLS.map((skill) => ({ type, requiredSkills: [skill], data: { customer: 'a customer', amount: 42 } }));
}

async function alternate(runs: number, tasks: number, market: Subject, bare: Subject) {
  const rates: { market: number; bare: number }[] = [];
  for (let run = 0; run < runs; run++) {
    rates.push({
      market: await throughput(market, bodiesOf(`run-${run}`), tasks),
      bare: await throughput(bare, bodiesOf(`run-${run}`), tasks),
    });
  }
  return rates;
}

const BLOCK = 10;

/** One task at a time, in blocks that take turns. */
async function idleLatency(tasks: number, market: Subject, bare: Subject) {
  const times = { market: [] as number[], bare: [] as number[] };
  const bodies = bodiesOf('idle');
  for (let done = 0; done < tasks; done += BLOCK) {
    for (const body of bodies) times.market.push(await market.complete(body));
    for (const body of bodies) times.bare.push(await bare.complete(body));
  }
  return times;
}

/** In a run of its own: a profiler slows what it watches. */
async function profiled(subject: Subject, tasks: number): Promise<ProfileSummary> {
  await subject.child.ask('start-profile');
  await throughput(subject, bodiesOf('profiled'), tasks);
  return subject.child.ask<ProfileSummary>('stop-profile');
}
