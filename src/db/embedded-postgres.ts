import { randomBytes } from 'node:crypto';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmod, chown, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Logger } from '../observability/logger.ts';
import {
  postgresPrograms,
  reachableDir,
  serverAccount,
  type Account,
  type PostgresPrograms,
} from './postgres-programs.ts';

/**
 * A PostgreSQL server of our own, for a machine that has none.
 *
 * 1. Its files are `postgres/` under the data directory: `cluster/`, `password` (mode 0600), `port`, `server.log` (this start's).
 *    `postgres/` appears by one rename when it is complete; a start that dies half-way leaves nothing that is taken for it.
 * 2. It listens on 127.0.0.1 alone, with a random password.
 * 3. It lives as long as the process that started it: a pipe from that process ends with it, in whatever way it ends, and the
 *    server then shuts down. It has its own process group, so that Ctrl+C reaches the market first.
 * 4. One process at a time: a start against a cluster whose server runs fails, after waiting for one that is shutting down.
 */

const USER = 'swarmbid';
const DATABASE = 'swarmbid';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 10;

const run = promisify(execFile);

export interface EmbeddedPostgresOptions {
  /** Created where missing. */
  dataDir: string;
  /** Undefined: any free port. */
  port?: number;
  /** False: a crash of the machine may lose or break everything; for tests. Default true. */
  durable?: boolean;
  logger: Logger;
}

export interface EmbeddedPostgres {
  /** Of the database `swarmbid`, as its owner; holds the password. */
  url: string;
  /** Resolves when the server has ended; may be called twice. */
  stop(): Promise<void>;
}

/** Files of one cluster and the account that owns them. */
interface Place {
  rootDir: string;
  clusterDir: string;
  account: Account;
  programs: PostgresPrograms;
}

/**
 * Starts the cluster under `dataDir`, making it first where there is none, with an (empty) database `swarmbid`.
 * @throws Error when a live server uses the cluster, or it cannot be made or started; the message says what to do
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const durable = options.durable ?? true;
  const place = await prepareCluster(path.resolve(options.dataDir), durable, options.logger);
  await awaitFormerServer(place);
  const password = await readFile(path.join(place.rootDir, 'password'), 'utf8');
  const server = await startOnFreePort(place, options.port, durable);
  watch(server.child, options.logger);
  const urlOf = (database: string) => `postgres://${USER}:${password}@127.0.0.1:${server.port}/${database}`;
  try {
    await createDatabaseIfMissing(urlOf('postgres'));
  } catch (error) {
    await stopServer(server.child, place);
    throw error;
  }
  options.logger.info({ port: server.port, directory: place.rootDir }, 'the embedded PostgreSQL server is up');
  let stopped: Promise<void> | undefined;
  return { url: urlOf(DATABASE), stop: () => (stopped ??= stopServer(server.child, place)) };
}

async function prepareCluster(dataDir: string, durable: boolean, logger: Logger): Promise<Place> {
  const clusterIn = (directory: string) => path.join(directory, 'postgres', 'cluster');
  const account = await serverAccount(clusterIn(dataDir));
  const reachable = await reachableDir(dataDir, account);
  if (reachable !== dataDir)
    logger.warn({ dataDir, directory: reachable }, 'the data directory is closed to the database user');
  const place: Place = {
    rootDir: path.join(reachable, 'postgres'),
    clusterDir: clusterIn(reachable),
    account: await serverAccount(clusterIn(reachable)),
    programs: await postgresPrograms(account),
  };
  if (!(await exists(place.rootDir))) await makeCluster(place, durable);
  return place;
}

async function makeCluster(place: Place, durable: boolean): Promise<void> {
  const draftDir = `${place.rootDir}.new`;
  await rm(draftDir, { recursive: true, force: true });
  await mkdir(draftDir, { recursive: true });
  await chmod(draftDir, 0o700);
  const passwordFile = path.join(draftDir, 'password');
  await writeFile(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
  if (place.account !== undefined) {
    for (const file of [draftDir, passwordFile]) await chown(file, place.account.uid, place.account.gid);
  }
  const flags = [
    '--encoding=UTF8',
    '--locale=C',
    '--auth=scram-sha-256',
    '--no-instructions',
    ...(durable ? [] : ['--no-sync']),
  ];
  const target = [`--pgdata=${path.join(draftDir, 'cluster')}`, `--username=${USER}`, `--pwfile=${passwordFile}`];
  await run(place.programs.initdb, [...target, ...flags], { ...place.account, cwd: draftDir, env: environment() });
  await rename(draftDir, place.rootDir);
}

/** Passes when no server runs on the cluster. One whose process was killed is shutting down by itself: that is waited for. */
async function awaitFormerServer(place: Place): Promise<void> {
  const patienceMs = 3_000;
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const former = await readPidFile(place.clusterDir);
    if (former === undefined || !isAlive(former.pid) || (await isForeign(former.pid))) return;
    const limitMs = former.status === 'stopping' ? STOP_TIMEOUT_MS : patienceMs;
    if (waitedMs >= limitMs) {
      throw new Error(
        `${place.rootDir} is in use by a running PostgreSQL server (pid ${former.pid}, port ${former.port}): ` +
          'stop the market that started it, or choose another SWARMBID_DATA_DIR',
      );
    }
    await delay(POLL_MS);
  }
}

/** After a crash of the machine the recorded pid may belong to any program; PostgreSQL then clears the file by itself. */
async function isForeign(pid: number): Promise<boolean> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => undefined);
  return name !== undefined && !name.startsWith('postgres') && name.trim() !== 'sh';
}

interface Running {
  child: ChildProcess;
  port: number;
}

/** The port of the last start where it is free still: who joined the server then finds it again. */
async function startOnFreePort(place: Place, wantedPort: number | undefined, durable: boolean): Promise<Running> {
  const portFile = path.join(place.rootDir, 'port');
  const formerPort = Number(await readFile(portFile, 'utf8').catch(() => '0'));
  const former = formerPort > 0 ? [() => Promise.resolve(formerPort)] : [];
  const choices =
    wantedPort === undefined ? [...former, freePort, freePort, freePort] : [() => Promise.resolve(wantedPort)];
  for (const [index, choose] of choices.entries()) {
    const port = await choose();
    try {
      const child = await startServer(place, port, durable);
      await writeFile(portFile, String(port));
      return { port, child };
    } catch (error) {
      const portTaken = error instanceof Error && error.message.includes('could not bind');
      if (!portTaken || index === choices.length - 1) throw error;
    }
  }
  throw new Error('there was no port to try');
}

async function startServer(place: Place, port: number, durable: boolean): Promise<ChildProcess> {
  const logPath = path.join(place.rootDir, 'server.log');
  const log = await open(logPath, 'w', 0o600);
  const command = [place.programs.postgres, '-D', place.clusterDir, ...settings(port, durable)];
  const child = spawnTied(command, {
    ...place.account,
    cwd: place.rootDir,
    env: environment(),
    stdio: ['pipe', 'ignore', log.fd],
    detached: true,
  });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  try {
    await Promise.race([failed, awaitReady(child, place.clusterDir)]);
  } catch (error) {
    child.stdin?.destroy();
    child.kill('SIGKILL');
    const said = (await readFile(logPath, 'utf8')).slice(-2_000);
    throw new Error(`the embedded PostgreSQL server did not start; it said:\n${said}`, { cause: error });
  } finally {
    await log.close();
  }
  return child;
}

/**
 * The server takes the shell's place; a bystander, no child of the server's, waits for the end of our pipe and then asks
 * for a fast shutdown (SIGINT).
 */
const TIED_TO_STDIN =
  'exec 3<&0; ( (cat <&3 >/dev/null; kill -INT $$ 2>/dev/null) 2>/dev/null & ); exec "$@" 3<&- </dev/null';

function spawnTied(command: string[], options: Parameters<typeof spawn>[2]): ChildProcess {
  const child =
    process.platform === 'win32'
      ? spawn(command[0] ?? '', command.slice(1), options)
      : spawn('/bin/sh', ['-c', TIED_TO_STDIN, 'sh', ...command], options);
  child.stdin?.on('error', () => undefined); // the server ended first: 'exit' tells
  child.unref();
  // an open pipe would keep this process alive for the server, which lives for this process
  if (child.stdin instanceof Socket) child.stdin.unref();
  return child;
}

async function awaitReady(child: ChildProcess, clusterDir: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += POLL_MS) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
    const file = await readPidFile(clusterDir);
    if (file?.status === 'ready' && (file.pid === child.pid || process.platform === 'win32')) return;
    await delay(POLL_MS);
  }
  throw new Error(`it was not ready within ${START_TIMEOUT_MS} ms`);
}

function watch(child: ChildProcess, logger: Logger): void {
  child.once('exit', (code, signal) => {
    if (child.stdin?.writableEnded === false)
      logger.error({ code, signal }, 'the embedded PostgreSQL server ended by itself');
    child.stdin?.destroy();
  });
}

async function stopServer(child: ChildProcess, place: Place): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.ref();
  child.stdin?.end();
  if (process.platform === 'win32') await run(place.programs.pgCtl, ['stop', '-m', 'fast', '-D', place.clusterDir]);
  const impatience = setTimeout(() => child.kill('SIGQUIT'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(impatience);
}

async function createDatabaseIfMissing(adminUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

function settings(port: number, durable: boolean): string[] {
  const values: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: '128MB',
    // no replica will ever read this log
    wal_level: 'minimal',
    max_wal_senders: 0,
    jit: 'off',
    log_checkpoints: 'off',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Ours without PostgreSQL's own variables, which would point its programs elsewhere. */
function environment(): NodeJS.ProcessEnv {
  // eslint-disable-next-line no-restricted-properties -- handed on to a program, not read
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

/** The postmaster's own record; lines 1, 4 and 8 are its pid, its port and its state. */
async function readPidFile(clusterDir: string): Promise<{ pid: number; port: number; status: string } | undefined> {
  const text = await readFile(path.join(clusterDir, 'postmaster.pid'), 'utf8').catch(() => undefined);
  const lines = text?.split('\n').map((line) => line.trim());
  if (lines === undefined || !(Number(lines[0]) > 0)) return undefined;
  return { pid: Number(lines[0]), port: Number(lines[3]), status: lines[7] ?? '' };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => probe.once('listening', resolve).once('error', reject));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}
