/**
 * `npm run test:cluster`: three API, three orchestrator and four pool processes on a Redis Cluster under load, and the kill of
 * the master that carries the queues in the middle of it; then the same load on a single Redis, for comparison.
 *
 *   npm run test:cluster -- --tasks 400 --json
 */
import { parseArgs } from 'node:util';
import { builtInAgents } from '../../src/agents/builtin/index.ts';
import { QUEUE_PREFIX } from '../../src/bus/names.ts';
import { startDistributedMarket, type DistributedMarket } from '../../scripts/distributed-market.ts';
import { SwarmbidClient } from '../../src/sdk/index.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { findFaults } from './audit.ts';

const SUBMITTERS = 8;
const SKILLS = builtInAgents.flatMap((agent) => agent.skills.slice(0, 1));

interface Report {
  tasks: number;
  completed: number;
  faults: string[];
  seconds: number;
  /** How long the cluster took to give the killed master's slots to its replica. */
  failoverMs: number | null;
}

const { values } = parseArgs({
  options: { tasks: { type: 'string', default: '300' }, json: { type: 'boolean', default: false } },
});
const tasks = Number(values.tasks);
if (!Number.isInteger(tasks) || tasks < 1)
  throw new RangeError(`--tasks ${values.tasks}: must be a whole number from 1`);

// Each process that it starts is ended with it.
process.setMaxListeners(50);
const cluster = await startRedisCluster();
const onCluster = await run(tasks, cluster.url, () => cluster.killMasterOf(QUEUE_PREFIX)).finally(() => cluster.stop());
tell('on a Redis Cluster, its queues’ master killed', onCluster);
const onSingle = await run(tasks, undefined, undefined);
tell('on a single Redis', onSingle);
process.exitCode = [onCluster, onSingle].every((one) => one.faults.length === 0 && one.completed === one.tasks) ? 0 : 1;
if (values.json) console.log(JSON.stringify({ onCluster, onSingle }));

async function run(
  count: number,
  redisUrl: string | undefined,
  failOver: (() => Promise<number>) | undefined,
): Promise<Report> {
  const said: string[] = [];
  const env = { ...process.env, LEASE_MS: '5000', LOG_LEVEL: 'warn' };
  const size = { api: 3, orchestrators: 3, agents: 4 };
  const onLine = (...line: string[]) => said.push(line.join(': '));
  const market = await startDistributedMarket({ ...size, redisUrl, env, onLine }).catch((error: unknown) => {
    console.error(said.slice(-50).join('\n'));
    throw error;
  });
  try {
    const startedMs = performance.now();
    let failingOver: Promise<number> | undefined;
    const completed = await load(market, count, (ended) => {
      if (ended >= count / 3) failingOver ??= failOver?.();
    });
    const failoverMs = (await failingOver) ?? null;
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
    const faults = await findFaults(market.databaseUrl, count);
    if (faults.length > 0) console.error(said.slice(-50).join('\n'));
    return { tasks: count, completed, faults, seconds, failoverMs };
  } finally {
    await market.stop();
  }
}

/** Submits `count` tasks, half of them for teams, and waits for the end of each. Returns how many succeeded. */
async function load(market: DistributedMarket, count: number, onEnded: (ended: number) => void): Promise<number> {
  let [next, ended, completed] = [0, 0, 0];
  const submitter = async (client: SwarmbidClient) => {
    while (next < count) {
      const number = (next += 1);
      const requiredSkills = number % 2 === 0 ? SKILLS.slice(0, 3) : [SKILLS[number % SKILLS.length] ?? ''];
      const { id } = await client.submit({ type: 'cluster', requiredSkills }, { idempotencyKey: `cluster-${number}` });
      const task = await client.wait(id);
      onEnded((ended += 1));
      if (task.status === 'completed' && task.result?.success === true) completed += 1;
    }
  };
  await Promise.all(
    Array.from({ length: SUBMITTERS }, (_, i) => {
      const url = market.urls[i % market.urls.length] ?? '';
      return submitter(new SwarmbidClient({ url, token: market.adminKey }));
    }),
  );
  return completed;
}

function tell(where: string, { tasks: count, completed, faults, seconds, failoverMs }: Report): void {
  const failover = failoverMs === null ? '' : `; failover after ${failoverMs} ms`;
  console.log(`${where}: ${completed} of ${count} tasks completed in ${seconds} s${failover}`);
  for (const fault of faults) console.error(`FAILED: ${fault}`);
}
