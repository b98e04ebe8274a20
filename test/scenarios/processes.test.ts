/** Two API processes, an orchestrator and a pool, as processes: what they do on a revoked key and on SIGTERM. */
import { once as onceOf } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { startDistributedMarket, type DistributedMarket } from '../../scripts/distributed-market.ts';
import { awaitReady, startMarketProcess, type MarketProcess } from '../../scripts/market-process.ts';
import type { TaskEvent } from '../../src/contracts/events.ts';
import { SwarmbidClient } from '../../src/sdk/index.ts';
import { createTestDatabase, startRedis, type TestDatabase } from '../support/stores.ts';

const AGENTS = path.resolve(import.meta.dirname, '../support/patient-agents.ts');
const GRACE_MS = 60_000;

let database: TestDatabase;
let redis: Awaited<ReturnType<typeof startRedis>>;
let market: DistributedMarket;
let pool: MarketProcess;
let directory: string;
let admin: SwarmbidClient;
const [first, second] = [0, 1].map((index) => () => market.urls[index] ?? '') as [() => string, () => string];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-processes-'));
  [database, redis] = await Promise.all([createTestDatabase(inject('postgresUrl')), startRedis()]);
  const stores = { databaseUrl: database.url, redisUrl: redis.url };
  market = await startDistributedMarket({
    ...stores,
    api: 2,
    orchestrators: 1,
    agents: 0,
    env: {},
    onLine: () => undefined,
  });
  pool = await startMarketProcess({
    name: 'pool',
    args: ['up', '--agents', AGENTS],
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      SWARMBID_ROLES: 'agents',
      SWARMBID_POOL: 'patients',
      PORT: String(await freePort()),
      DRAIN_MS: '30000',
      RELEASE_FILE: path.join(directory, 'released'),
    },
    onLine: () => undefined,
  });
  await awaitReady(pool);
  admin = new SwarmbidClient({ url: first(), token: market.adminKey });
}, 180_000);

afterAll(async () => {
  await pool.stop(GRACE_MS);
  await market.stop();
  await Promise.all([database.drop(), redis.stop(), rm(directory, { recursive: true, force: true })]);
}, 120_000);

const once = (socket: Socket, event: string) => new Promise<void>((resolve) => socket.once(event, () => resolve()));

function connect(url: string, token: string): Socket {
  return io(`${url}/tasks`, { auth: { token }, transports: ['websocket'], forceNew: true, reconnection: false });
}

it('a key that is revoked at one API process is out at the other: its open socket, and its next request', async () => {
  const { id, key } = await admin.createKey({ role: 'submitter', ownerId: 'shop' });
  const elsewhere = new SwarmbidClient({ url: second(), token: key });
  expect((await elsewhere.tasks()).items).toEqual([]);
  const socket = connect(second(), key);
  await once(socket, 'connect');
  const ended = once(socket, 'disconnect');
  await admin.revokeKey(id);
  await ended;
  await expect(elsewhere.tasks()).rejects.toMatchObject({ status: 401 });
});

it('a pool that gets SIGTERM finishes the attempt that runs, takes no other, and ends with 0', async () => {
  const { id } = await admin.submit({ type: 'wait', requiredSkills: ['patience'] });
  for await (const event of admin.watch(id)) if (event.type === 'subtask.started') break;
  const stopped = pool.stop(GRACE_MS);
  const { id: next } = await admin.submit({ type: 'wait', requiredSkills: ['patience'] });
  await writeFile(path.join(directory, 'released'), '');
  const task = await admin.wait(id);
  expect(task).toMatchObject({ status: 'completed', subtasks: [{ agentId: 'patient', attempt: 1 }] });
  await stopped;
  expect((await admin.events(next)).items.map((event) => event.type)).not.toContain('subtask.started');
  expect(await pool.ended).toBe(0);
}, 60_000);

it('an API process that gets SIGTERM tells its watchers all that has happened, closes their sockets and ends with 0', async () => {
  const { id } = await admin.submit({ type: 'wait', requiredSkills: ['nobody-has-this'] });
  const socket = connect(second(), market.adminKey);
  const seqs: number[] = [];
  socket.on('event', (event: TaskEvent) => seqs.push(event.seq));
  await once(socket, 'connect');
  await socket.emitWithAck('watch', { taskId: id });
  const ended = once(socket, 'disconnect');
  await admin.cancel(id);
  const process = market.processes.find((one) => one.url === second());
  await process?.stop(GRACE_MS);
  await ended;
  const { items } = await admin.events(id);
  expect(items.at(-1)?.type).toBe('task.cancelled');
  expect(seqs).toEqual(items.map((event) => event.seq));
  expect(await process?.ended).toBe(0);
  await expect(fetch(`${second()}/healthz`)).rejects.toThrow('fetch failed');
  expect((await fetch(`${first()}/healthz`)).ok).toBe(true);
}, 60_000);

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await onceOf(probe, 'listening');
  const address = probe.address();
  probe.close();
  await onceOf(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}
