import { once } from 'node:events';
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { SwarmbidClient } from '../../src/sdk/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';
import { startTraceCollector, type CollectedSpan } from '../support/trace-collector.ts';

const PROGRAM = fileURLToPath(new URL('../../src/bin/swarmbid.ts', import.meta.url));
const ADMIN_KEY = 'sb_the_admin_key_of_traces';
const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };

let collector: Awaited<ReturnType<typeof startTraceCollector>>;
let database: TestDatabase;
const processes: Role[] = [];

beforeAll(async () => {
  collector = await startTraceCollector();
  database = await createTestDatabase(inject('postgresUrl'));
});

afterAll(async () => {
  for (const { child } of processes) child.kill('SIGKILL');
  await collector.close();
  await database.drop();
});

interface Role {
  child: ChildProcess;
  url: string;
  log: () => string;
}

/** A process of one role; resolves when it says where it listens. */
async function start(role: string): Promise<Role> {
  const child = spawn(process.execPath, [PROGRAM, 'up', '--json', '--roles', role], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      DATABASE_URL: database.url,
      SWARMBID_ADMIN_KEY: ADMIN_KEY,
      BID_WINDOW_MS: '5000',
      // A lease that ran out on a slow machine would be one more subtask.
      LEASE_MS: '60000',
      LOG_LEVEL: 'debug',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    },
  });
  let out = '';
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${role} ended with ${code}: ${log}`)));
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (/\}\s*$/.test(out)) resolve(String((JSON.parse(out) as { url: string | null }).url));
    });
  });
  const started = { child, url, log: () => log };
  processes.push(started);
  return started;
}

async function stop({ child }: Role): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

it('a task is one trace over the processes of all three roles, under its caller’s: request, auction, bid, subtasks, settlement, synthesis', async () => {
  const roles = await Promise.all(['api', 'orchestrator', 'agents'].map(start));
  const [api, , agents] = roles;
  const client = new SwarmbidClient({ url: api?.url, token: ADMIN_KEY });
  const response = await fetch(`${client.url}/v1/tasks`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${ADMIN_KEY}`,
      traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-01`,
    },
    body: JSON.stringify({
      type: 'cost-review',
      requiredSkills: ['cost_tracking', 'data_analysis'],
      data: { costs: { hosting: 1500, licences: 450 }, series: [1510, 1580, 1640, 1720] },
    }),
  });
  const { id, ...submitted } = (await response.json()) as { id: string };
  expect(submitted).not.toHaveProperty('traceparent');
  expect(await client.wait(id)).toMatchObject({ status: 'completed' });
  // What a process has not sent yet it sends at its end.
  await Promise.all(roles.map(stop));
  const spans = collector.spans.items.filter((span) => span.traceId === CALLER.traceId);
  const named = (name: string) => spans.filter((span) => span.name === name);
  const pidOf = (role: Role | undefined) => role?.child.pid;
  const [root] = named('POST /v1/tasks');
  expect(root).toMatchObject({ parentSpanId: CALLER.spanId, pid: pidOf(api) });
  // A round may have to be repeated on a slow machine: each belongs to the task, and each bid to a round.
  const auctions = named('auction');
  const under = (name: string, parents: readonly (CollectedSpan | undefined)[], role: Role | undefined) =>
    named(name).every((span) => parents.some((one) => one?.spanId === span.parentSpanId) && span.pid === pidOf(role));
  const [, orchestrator] = roles;
  expect(
    Object.fromEntries(['bid', 'subtask', 'settle', 'synthesis'].map((name) => [name, named(name).length])),
  ).toEqual({
    bid: expect.toSatisfy((count: number) => count >= 1) as number,
    subtask: 2,
    settle: 2,
    synthesis: 1,
  });
  expect([under('auction', [root], orchestrator), auctions.length > 0]).toEqual([true, true]);
  expect(under('bid', auctions, agents)).toBe(true);
  expect(under('subtask', [root], agents)).toBe(true);
  expect(under('settle', [root], orchestrator)).toBe(true);
  expect(under('synthesis', [root], orchestrator)).toBe(true);
  const ids = new Set(spans.map((span) => span.spanId));
  expect(spans.filter((span) => span !== root && !ids.has(span.parentSpanId ?? ''))).toEqual([]);
}, 120_000);
