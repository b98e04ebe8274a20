import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createApp, type App } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { SwarmbidClient } from '../../src/sdk/index.ts';
import { ADMIN_KEY } from '../support/market.ts';
import { createTestDatabase, startRedis, type TestDatabase } from '../support/stores.ts';
import type { TestRedis } from '../support/redis-server.ts';

const USERS = path.resolve(import.meta.dirname, '../../deploy/redis/users.acl');

let database: TestDatabase;
let redis: TestRedis;
let directory: string;
const apps: App[] = [];
const clients: Redis[] = [];
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-acl-'));
  const lines = (await readFile(USERS, 'utf8')).split('\n').filter((line) => line.startsWith('user '));
  const aclFile = path.join(directory, 'users.acl');
  await writeFile(aclFile, `${lines.join('\n')}\n`);
  [database, redis] = await Promise.all([
    createTestDatabase(inject('postgresUrl')),
    startRedis({ args: ['--aclfile', aclFile] }),
  ]);
});
afterAll(async () => {
  for (const client of clients) client.disconnect();
  for (const app of apps.toReversed()) await app.stop();
  await redis.stop();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

const urlOf = (user: string) =>
  `redis://swarmbid-${user}:change-me-${user.replace('pool-', '')}@127.0.0.1:${redis.port}`;

async function start(role: string, user: string, env: NodeJS.ProcessEnv = {}): Promise<string | null> {
  const stores = { DATABASE_URL: database.url, REDIS_URL: urlOf(user) };
  const config = readConfig({ ...stores, SWARMBID_ROLES: role, SWARMBID_ADMIN_KEY: ADMIN_KEY, PORT: '0', ...env });
  const agents = [{ id: 'ann', skills: ['a', 'b'], execute: () => 'done' }];
  const app = await createApp(config, { agents, logger: createLogger('fatal') });
  apps.push(app);
  return (await app.start()).url;
}

it('a market runs with a Redis user of its own for each role', async () => {
  const url = await start('api', 'api');
  await start('orchestrator', 'orchestrator');
  await start('agents', 'pool-acme', { SWARMBID_POOL: 'acme' });
  const client = new SwarmbidClient({ url: url ?? '', token: ADMIN_KEY });
  const { id } = await client.submit({ type: 'letter', requiredSkills: ['a', 'b'] });
  expect(await client.wait(id)).toMatchObject({ status: 'completed' });
}, 60_000);

const EVERYBODY = [
  'FLUSHALL',
  'FLUSHDB',
  'CONFIG GET *',
  'KEYS *',
  'SCRIPT FLUSH',
  'FUNCTION FLUSH',
  'ACL LIST',
  'MONITOR',
  'SHUTDOWN NOSAVE',
  'CLIENT KILL TYPE pubsub',
  'GET foreign',
  'SET foreign 1',
  'PUBLISH foreign x',
  'SUBSCRIBE foreign',
];
const refused: Record<string, string[]> = {
  api: [...EVERYBODY, 'DEL {swarmbid}:work.acme:wait', 'LRANGE {swarmbid}:work.acme:wait 0 -1', 'EVAL return(1) 0'],
  orchestrator: EVERYBODY,
  'pool-acme': [
    ...EVERYBODY,
    'LRANGE {swarmbid}:work.other:wait 0 -1',
    'DEL {swarmbid}:work.other:wait',
    'LPUSH {swarmbid}:synthesis:wait x',
    'GET {swarmbid}:count:x',
    'SUBSCRIBE swarmbid:elsewhere',
    // other pools' bids, and messages to their agents
    'PSUBSCRIBE swarmbid:reply.*',
    'SUBSCRIBE swarmbid:reply.market:orchestrator.1',
    'SUBSCRIBE swarmbid:replica.other.1',
  ],
};

it('a pool may answer whoever asks, and speak to the agents of others', async () => {
  const client = new Redis(urlOf('pool-acme'), { maxRetriesPerRequest: 0, enableReadyCheck: false });
  clients.push(client);
  await client.publish('swarmbid:reply.market:orchestrator.1', 'x');
  await client.publish('swarmbid:replica.other.1', 'x');
});

it.each(Object.keys(refused))('the user of %s is refused everything else', async (user) => {
  const client = new Redis(urlOf(user), { maxRetriesPerRequest: 0, enableReadyCheck: false });
  clients.push(client);
  for (const line of refused[user] ?? []) {
    const [command = '', ...args] = line.split(' ');
    await expect(client.call(command, ...args), line).rejects.toThrow(/NOPERM/);
  }
});

it('nobody gets in without a user', async () => {
  const client = new Redis(`redis://127.0.0.1:${redis.port}`, { maxRetriesPerRequest: 0, enableReadyCheck: false });
  clients.push(client);
  await expect(client.call('PING')).rejects.toThrow(/NOAUTH/);
});
