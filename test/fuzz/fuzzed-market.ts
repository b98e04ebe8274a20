/** A market in a process of its own, with two owners: what the second one has must never be seen by the first. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { awaitReady, startMarketProcess } from '../../scripts/market-process.ts';
import { SwarmbidClient } from '../../src/sdk/index.ts';

export interface FuzzedMarket {
  url: string;
  port: number;
  /** Keys by who they are of. Nothing that is answered to `ada` or `outsider` may be Bob's. */
  tokens: { ada: string; outsider: string; admin: string };
  ids: { adas: string[]; bobs: string[] };
  /** Texts that stand in Bob's tasks, and his key. */
  secrets: string[];
  /** Of `secrets` and all keys, those that stand in the log. */
  leakedToLog(): string[];
  /** The process's exit code; null while it lives. */
  exitCode(): number | null;
  stop(): Promise<void>;
}

const TASKS = 5;

export async function startFuzzedMarket(databaseUrl: string, redisUrl: string): Promise<FuzzedMarket> {
  const adminKey = `sb_${randomBytes(32).toString('base64url')}`;
  const port = await freePort();
  let log = '';
  const market = await startMarketProcess({
    name: 'fuzzed',
    args: ['up'],
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      SWARMBID_ADMIN_KEY: adminKey,
      HOST: '127.0.0.1',
      PORT: String(port),
      LOG_LEVEL: 'trace',
      // a busy machine is no finding
      MAX_EVENT_LOOP_DELAY_MS: '60000',
      MAX_POOL_WAIT_MS: '60000',
    },
    onLine: (_name, line) => (log += `${line}\n`),
  });
  let exitCode: number | null = null;
  void market.ended.then((code) => (exitCode = code));
  await awaitReady(market);
  const canary = `canary-${randomBytes(12).toString('hex')}`;
  const admin = new SwarmbidClient({ url: market.url, token: adminKey });
  const [ada, bob, outsider] = await Promise.all([
    admin.createKey({ role: 'submitter', ownerId: 'ada' }),
    admin.createKey({ role: 'submitter', ownerId: 'bob' }),
    admin.createKey({ role: 'agent', ownerId: 'outsider' }),
  ]);
  const adas = await submitTasks(new SwarmbidClient({ url: market.url, token: ada.key }), 'nothing to hide');
  const bobs = await submitTasks(new SwarmbidClient({ url: market.url, token: bob.key }), canary);
  const secrets = [canary, bob.key];
  return {
    url: market.url,
    port,
    tokens: { ada: ada.key, outsider: outsider.key, admin: adminKey },
    ids: { adas, bobs },
    secrets,
    leakedToLog: () => [...secrets, ada.key, outsider.key, adminKey].filter((secret) => log.includes(secret)),
    exitCode: () => exitCode,
    stop: () => market.stop(30_000),
  };
}

async function submitTasks(client: SwarmbidClient, text: string): Promise<string[]> {
  const { items } = await client.agents();
  const skill = items.flatMap((agent) => agent.skills)[0] ?? 'any';
  const submitted = Array.from({ length: TASKS }, () =>
    client.submit({ type: 'fuzzed', requiredSkills: [skill], description: text, data: { text, [text]: 1 } }),
  );
  return (await Promise.all(submitted)).map((task) => task.id);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}
