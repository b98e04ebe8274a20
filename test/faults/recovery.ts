import { setTimeout as delay } from 'node:timers/promises';
import type { SwarmbidClient } from '../../src/sdk/index.ts';
import { untilAnswered } from './ask.ts';
import type { Site } from './site.ts';

const POLL_MS = 20;
const TASKS = 10;
const CRASH_PATIENCE_MS = 60_000;

/** How long the market takes to go on after a death, each measured `times` times on a market that is whole otherwise. */
export async function measureRecovery(site: Site, times: number): Promise<string[]> {
  const [client] = site.adminClients();
  if (client === undefined) throw new Error('no API process');
  const replicas: number[] = [];
  const unclaimed: number[] = [];
  const orchestrators: number[] = [];
  const redis: number[] = [];
  for (let time = 0; time < times; time++) {
    replicas.push(await afterReplicaDeath(site, client));
    unclaimed.push(await afterDeathBeforeClaim(site, client));
    orchestrators.push(await afterOrchestratorDeath(site, client, time));
    redis.push(await afterRedisRestart(site, client));
    await site.allUp();
  }
  const limit = `2 × lease = ${2 * site.leaseMs} ms`;
  return [
    `recovery, lease ${site.leaseMs} ms, ${times} times each:`,
    `  a killed replica's subtask runs elsewhere after  ${range(replicas)} (${limit})`,
    `  tasks end after a replica died with a job that it had not claimed  ${range(unclaimed)} (${limit})`,
    `  ${TASKS} tasks under way end, an orchestrator killed, after  ${range(orchestrators)} (${limit})`,
    `  ${TASKS} tasks end after a wiped Redis is back, no process of ours restarted  ${range(redis)}`,
  ];
}

function range(measuredMs: readonly number[]): string {
  const sorted = measuredMs.map(Math.round).sort((a, b) => a - b);
  return `${sorted[Math.floor(sorted.length / 2)]} ms, at worst ${sorted.at(-1)} ms`;
}

async function submit(client: SwarmbidClient, workMs: number): Promise<string> {
  const data = { token: 'recovery', order: { workMs } };
  const { id } = await untilAnswered(() => client.submit({ type: 'faults', requiredSkills: ['alpha'], data }));
  return id;
}

async function afterReplicaDeath(site: Site, client: SwarmbidClient): Promise<number> {
  const taskId = await submit(client, 10 * site.leaseMs);
  const key = `sub_${taskId}-0`;
  const runsOf = async () => (await site.runs()).filter((run) => run.key === key);
  for (let runs = await runsOf(); ; runs = await runsOf()) {
    const holder = site.of('agents').find((one) => one.pid !== undefined && one.pid === runs[0]?.pid);
    if (holder?.kill() === true) break;
    await delay(POLL_MS);
  }
  const diedAtMs = performance.now();
  while ((await runsOf()).length < 2) await delay(POLL_MS);
  const elapsedMs = performance.now() - diedAtMs;
  await untilAnswered(() => client.cancel(taskId));
  return elapsedMs;
}

async function afterDeathBeforeClaim(site: Site, client: SwarmbidClient): Promise<number> {
  const [replica] = site.of('agents');
  if (replica === undefined) throw new Error('no replica');
  const dead = new AbortController();
  const crashing = replica.crashAt('before-claim:1', CRASH_PATIENCE_MS).finally(() => {
    dead.abort();
  });
  const taskIds: string[] = [];
  while (!dead.signal.aborted) {
    taskIds.push(await submit(client, 10));
    await delay(POLL_MS);
  }
  if (!(await crashing)) throw new Error('no job came to the replica that was to die of it');
  return untilEnded(client, taskIds);
}

async function afterOrchestratorDeath(site: Site, client: SwarmbidClient, time: number): Promise<number> {
  const taskIds = await Promise.all(Array.from({ length: TASKS }, () => submit(client, 10)));
  const orchestrators = site.of('orchestrator');
  orchestrators[time % orchestrators.length]?.kill();
  return untilEnded(client, taskIds);
}

async function afterRedisRestart(site: Site, client: SwarmbidClient): Promise<number> {
  await site.redis.kill(true);
  const taskIds = await Promise.all(Array.from({ length: TASKS }, () => submit(client, 10)));
  await site.redis.start();
  return untilEnded(client, taskIds);
}

async function untilEnded(client: SwarmbidClient, taskIds: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  await Promise.all(taskIds.map((taskId) => client.wait(taskId)));
  return performance.now() - startedMs;
}
