import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Cluster } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createApp, type App } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/db/database.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/db/embedded-postgres.ts';
import { checkStores } from '../../src/doctor.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { openRedis } from '../../src/bus/redis-connection.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { ADMIN_KEY } from '../support/market.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';

const CLI = path.resolve(import.meta.dirname, '../../src/bin/swarmbid.ts');

let directory: string;
let files: TestCertificates;
let postgres: EmbeddedPostgres;
let redis: TestRedis;
let redisUrl: string;
let app: App;
let url: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-tls-'));
  await chmod(directory, 0o755);
  files = await makeCertificates(directory);
  const tlsPort = await freePort();
  [postgres, redis] = await Promise.all([startPostgresByTls(), startRedis({ args: redisTls(tlsPort) })]);
  redisUrl = `rediss://127.0.0.1:${tlsPort}`;
  const config = readConfig({ ...environment(), PORT: '0' });
  app = await createApp(config, {
    agents: [{ id: 'ann', skills: ['a'], execute: () => 'done' }],
    logger: createLogger('fatal'),
  });
  url = (await app.start()).url ?? '';
}, 120_000);
afterAll(async () => {
  await app.stop();
  await redis.stop();
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Takes no connection from the network without TLS. */
async function startPostgresByTls(): Promise<EmbeddedPostgres> {
  const options = { dataDir: directory, durable: false, logger: createLogger('warn') };
  const plain = await startEmbeddedPostgres(options);
  const client = new pg.Client({ connectionString: plain.url });
  await client.connect();
  const { rows } = await client.query<{ data_directory: string }>('show data_directory');
  const home = rows[0]?.data_directory ?? '';
  await Promise.all([
    give(files.certFile, path.join(home, 'server.crt'), home),
    give(files.keyFile, path.join(home, 'server.key'), home),
  ]);
  await client.query('alter system set ssl = on');
  await client.end();
  await plain.stop();
  return startEmbeddedPostgres(options);
}

/** As a file of the database's user, which is how PostgreSQL wants its key. */
async function give(file: string, target: string, home: string): Promise<void> {
  await copyFile(file, target);
  await chmod(target, 0o600);
  const { uid, gid } = await stat(home);
  await chown(target, uid, gid);
}

function redisTls(port: number): string[] {
  const { certFile, keyFile, caFile } = files;
  const named = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', caFile];
  return ['--tls-port', String(port), ...named, '--tls-auth-clients', 'no'];
}

/** As the market reads it. */
function trusting(urls: string, caFile: string): string {
  return readConfig({ ...environment(caFile), REDIS_URL: urls }).redisUrl ?? '';
}

function databaseUrl(caFile: string): string {
  return `${postgres.url}?sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`;
}

function environment(caFile = files.caFile): NodeJS.ProcessEnv {
  return {
    DATABASE_URL: databaseUrl(caFile),
    REDIS_URL: redisUrl,
    REDIS_TLS_CA_FILE: caFile,
    TLS_CERT_FILE: files.certFile,
    TLS_KEY_FILE: files.keyFile,
    SWARMBID_ADMIN_KEY: ADMIN_KEY,
    BID_WINDOW_MS: '1500',
  };
}

interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** In a process of its own: Node reads NODE_EXTRA_CA_CERTS at its start. */
function swarmbid(args: string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  const own = { PATH: process.env['PATH'], SWARMBID_URL: url, SWARMBID_TOKEN: ADMIN_KEY, ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { env: own }, (error, stdout, stderr) =>
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

describe('a market over TLS', () => {
  it('completes a task over https and its live feed', async () => {
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const task = path.join(directory, 'task.json');
    await writeFile(task, JSON.stringify({ type: 'letter', requiredSkills: ['a'] }));
    const trust = { NODE_EXTRA_CA_CERTS: files.caFile };
    const { exitCode, stdout, stderr } = await swarmbid(['submit', task, '--watch', '--json'], trust);
    expect(stderr).toBe('');
    expect(stdout).toContain('task.completed');
    expect(exitCode).toBe(0);
  }, 60_000);

  it('has no connection to PostgreSQL or Redis without TLS', async () => {
    const client = new pg.Client({ connectionString: postgres.url, application_name: 'this test' });
    await client.connect();
    const { rows } = await client.query<{ ssl: boolean; connections: number }>(
      `select ssl, count(*)::int as connections from pg_stat_ssl join pg_stat_activity using (pid)
       where backend_type = 'client backend' and application_name <> 'this test' group by ssl`,
    );
    await client.end();
    expect(rows).toEqual([{ ssl: true, connections: expect.any(Number) as number }]);

    const plain = openRedis(redis.url, 'waiting', createLogger('silent'));
    const list = String(await plain.call('CLIENT', 'LIST'));
    plain.disconnect();
    const ports = [...list.matchAll(/ laddr=127\.0\.0\.1:(\d+)/g)].map((match) => match[1]);
    const byTls = ports.filter((port) => port === new URL(redisUrl).port);
    expect(byTls.length).toBeGreaterThan(3);
    expect(ports).toHaveLength(byTls.length + 1);
  });

  it('tells browsers to stay with https', async () => {
    const { port } = new URL(url);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    request({ host: '127.0.0.1', port, path: '/healthz', ca: await readFile(files.caFile, 'utf8') }, (answer) => {
      answer.resume();
      resolve(answer.headers['strict-transport-security']);
    })
      .on('error', reject)
      .end();
    expect(await promise).toBe('max-age=31536000');
  });

  it('ends a connection that speaks plain HTTP to it', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const { promise, resolve } = Promise.withResolvers<string>();
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
    socket.on('error', () => undefined).on('close', () => resolve(said));
    socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    expect(await promise).not.toContain('HTTP/1.1');
  });

  it('is passed by the doctor, who finds the server by TLS_CERT_FILE', async () => {
    const env = { ...environment(), NODE_EXTRA_CA_CERTS: files.caFile, SWARMBID_URL: '', PORT: new URL(url).port };
    const { stdout } = await swarmbid(['doctor', '--json'], env);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; detail: string }[] };
    const ok = checks.filter((check) => check.ok).map((check) => check.name);
    expect(ok).toEqual(expect.arrayContaining(['PostgreSQL', 'Migrations', 'Redis', 'Server']));
    expect(checks.find((check) => check.name === 'Server')?.detail).toBe(`${url} is ready`);
  }, 60_000);
});

describe('a server whose CA is not known', () => {
  it('is refused by the command line, which says how to trust it', async () => {
    const { exitCode, stderr } = await swarmbid(['agents'], { NODE_EXTRA_CA_CERTS: files.strangerFile });
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/certificate[^]*NODE_EXTRA_CA_CERTS=/);
  }, 60_000);

  it('is refused as PostgreSQL and as Redis, and the doctor says how to trust it', async () => {
    const checks = await checkStores(readConfig(environment(files.strangerFile)));
    const [database, bus] = ['PostgreSQL', 'Redis'].map((name) => checks.find((check) => check.name === name));
    expect(database).toMatchObject({ ok: false, detail: expect.stringContaining('certificate') as string });
    expect(database?.mend).toContain('sslrootcert');
    expect(bus).toMatchObject({ ok: false, detail: expect.stringContaining('certificate') as string });
    expect(bus?.mend).toContain('REDIS_TLS_CA_FILE');
  });

  it('keeps a market from starting at once, with the reason', async () => {
    const config = readConfig({ ...environment(files.strangerFile), PORT: '0' });
    const stranger = await createApp(config, { agents: [], logger: createLogger('silent') });
    await expect(stranger.start()).rejects.toThrow(/certificate/);
    await stranger.stop();
  });

  it('gets no command from a client of Redis', async () => {
    const client = openRedis(trusting(redisUrl, files.strangerFile), 'fast', createLogger('silent'));
    const refusal = await new Promise<Error>((resolve) => void client.once('error', resolve));
    expect(refusal.message).toContain('certificate');
    client.disconnect();
  });

  it('is refused by every kind of database connection', async () => {
    const options = { maxConnections: 1, applicationName: 'test', logger: createLogger('silent') };
    for (const role of [undefined, 'api', 'orchestrator', { pool: 'ann' }] as const) {
      const db = openDatabase({ ...options, url: databaseUrl(files.strangerFile), role });
      await expect(db.selectFrom('task').select('id').execute()).rejects.toThrow(/certificate/);
      await db.destroy();
    }
  });
});

describe('a Redis Cluster over TLS', () => {
  let node: TestRedis;
  let urls: string;
  beforeAll(async () => {
    const [tlsPort, busPort] = [await freePort(), await freePort()];
    const announced = ['--tls-cluster', 'yes', '--cluster-announce-ip', '127.0.0.1'];
    const cluster = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), ...announced];
    node = await startRedis({ args: [...redisTls(tlsPort), ...cluster] });
    const address = `rediss://127.0.0.1:${tlsPort}`;
    urls = `${address},${address}`;
    const client = openRedis(trusting(address, files.caFile), 'waiting', createLogger('silent'));
    await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    const isUp = async () => expect(await client.call('CLUSTER', 'INFO')).toContain('cluster_state:ok');
    await vi.waitFor(isUp, { timeout: 15_000, interval: 100 });
    client.disconnect();
  });
  afterAll(() => node.stop());

  it('is spoken to by who trusts its CA', async () => {
    const client = openRedis(trusting(urls, files.caFile), 'waiting', createLogger('silent'));
    expect(client).toBeInstanceOf(Cluster);
    await client.set('a', '1');
    expect(await client.get('a')).toBe('1');
    client.disconnect();
  });

  it('is refused by who trusts another', async () => {
    const client = openRedis(trusting(urls, files.strangerFile), 'waiting', createLogger('silent'));
    const refusal = await new Promise<Error>((resolve) => void client.once('error', resolve));
    expect(refusal.message).toContain('Failed to refresh slots cache');
    client.disconnect();
  });
});
