import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { installWithApt, works } from './installed.ts';

export interface TestRedis {
  url: string;
  port: number;
  /** Ends the server at once and removes its files. */
  stop(): Promise<void>;
}

/** Makes sure that `redis-server` is on PATH: where it is missing, by apt when that is possible. */
export async function ensureRedisServer(): Promise<void> {
  if (await works('redis-server', ['--version'])) return;
  await installWithApt('redis-server');
  if (await works('redis-server', ['--version'])) return;
  throw new Error(
    'redis-server (7 or newer) is needed on PATH for the tests: install it with "apt-get install redis-server", ' +
      '"dnf install redis" or "brew install redis"',
  );
}

/** A Redis server of its own: on `port`, or any free one, nothing on disk. */
export async function startRedis(options: { port?: number; args?: string[] } = {}): Promise<TestRedis> {
  for (let triesLeft = options.port === undefined ? 3 : 1; ; triesLeft--) {
    const port = options.port ?? (await freePort());
    try {
      return await startOn(port, options.args ?? []);
    } catch (error) {
      if (triesLeft === 1) throw error;
    }
  }
}

async function startOn(port: number, args: string[]): Promise<TestRedis> {
  const directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-redis-'));
  const flags = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'];
  const child = spawn('redis-server', ['--port', String(port), '--dir', directory, ...flags, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const stop = async () => {
    process.removeListener('exit', killWithUs);
    await end(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await ready(child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, port, stop };
}

async function ready(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('Ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`redis-server did not start; it said:\n${said.slice(-2_000)}`)));
  });
  child.stdout?.removeAllListeners('data').resume();
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
