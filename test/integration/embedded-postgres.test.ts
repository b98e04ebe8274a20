import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '../../src/db/embedded-postgres.ts';
import { createLogger } from '../../src/observability/logger.ts';

const logger = createLogger('silent');
const program = fileURLToPath(new URL('../support/embedded-postgres-process.ts', import.meta.url));

async function ask<Row>(url: string, statement: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** Another process that runs the server, once it runs. */
async function startElsewhere(dataDir: string, then: 'stay' | 'end') {
  const child = spawn(process.execPath, [program, dataDir, then], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, ended, url: line.toString().trim() };
}

describe('the embedded PostgreSQL server', () => {
  let dataDir: string;
  let value = 0;

  const start = () => startEmbeddedPostgres({ dataDir, durable: false, logger });

  beforeAll(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'swarmbid-embedded-'));
    await chmod(dataDir, 0o755);
    const server = await start();
    await ask(server.url, 'create table kept (value int)');
    await server.stop();
  });
  beforeEach(() => {
    value += 1;
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  it('has a UTF8 database in the C locale, on 127.0.0.1 alone', async () => {
    const server = await start();
    const [settings] = await ask(
      server.url,
      `select current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets,
         pg_encoding_to_char(encoding) as encoding, datcollate as locale
       from pg_database where datname = current_database()`,
    );
    expect(settings).toEqual({ addresses: '127.0.0.1', sockets: '', encoding: 'UTF8', locale: 'C' });
    await server.stop();
    await server.stop();
  });

  it('keeps its data from one start to the next', async () => {
    const first = await start();
    await ask(first.url, `insert into kept values (${value})`);
    await first.stop();
    const second = await start();
    expect(await ask(second.url, `select * from kept where value = ${value}`)).toEqual([{ value }]);
    await second.stop();
  });

  it('comes back on the port that it had, so that whoever joined it finds it again', async () => {
    const first = await start();
    await first.stop();
    const second = await start();
    expect(second.url).toBe(first.url);
    await second.stop();
  });

  it('lets in only who has the password, which no other user can read', async () => {
    const server = await start();
    const file = path.join(dataDir, 'postgres', 'password');
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600');
    expect(server.url).toContain(await readFile(file, 'utf8'));
    const wrong = server.url.replace(/:[0-9a-f]+@/, ':wrong@');
    await expect(ask(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    await server.stop();
  });

  it('is up until its process is killed, ends with it, and starts again with its data', async () => {
    const { child, ended, url } = await startElsewhere(dataDir, 'stay');
    await ask(url, `insert into kept values (${value})`);
    child.kill('SIGKILL');
    await ended;
    const server = await start();
    expect(await ask(server.url, `select * from kept where value = ${value}`)).toEqual([{ value }]);
    await server.stop();
  });

  it('does not keep a process alive that never stops it, and ends with that process', async () => {
    const { ended } = await startElsewhere(dataDir, 'end');
    expect(await ended).toEqual([0, null]);
    await (await start()).stop();
  });

  it('refuses a start while a live process has it, and says which data directory to change', async () => {
    const { child, ended, url } = await startElsewhere(dataDir, 'stay');
    await expect(start()).rejects.toThrow(
      /in use by a running PostgreSQL server \(pid \d+, port \d+\).*SWARMBID_DATA_DIR/,
    );
    expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }]);
    child.kill('SIGTERM');
    await ended;
    await (await start()).stop();
  });
});
