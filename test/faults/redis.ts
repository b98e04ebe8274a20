import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../support/free-port.ts';

/** A Redis server with an append-only file that can be killed, wiped and started again under one address. */
export class FaultyRedis {
  readonly port: number;
  readonly #directory: string;
  #child: ChildProcess | undefined;
  readonly #killWithUs = () => this.#child?.kill('SIGKILL');

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.port = port;
  }

  static async start(directory: string): Promise<FaultyRedis> {
    const server = new FaultyRedis(directory, await freePort());
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const place = ['--bind', '127.0.0.1', '--port', String(this.port), '--dir', this.#directory];
    const safety = ['--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction'];
    const child = spawn('redis-server', [...place, ...safety], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    process.once('exit', this.#killWithUs);
    await new Promise<void>((resolve, reject) => {
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('Ready to accept connections')) resolve();
      });
      child.once('exit', () => reject(new Error(`redis-server did not start; it said:\n${said.slice(-2_000)}`)));
    });
    child.stdout.removeAllListeners('data').resume();
    child.removeAllListeners('exit');
  }

  /** Kills it; `wipe` loses what its append-only file held. */
  async kill(wipe = false): Promise<void> {
    process.off('exit', this.#killWithUs);
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    if (wipe) await rm(path.join(this.#directory, 'appendonlydir'), { recursive: true, force: true });
  }

  /** Runs `work` with a connection of its own. */
  async with<Answer>(work: (redis: Redis) => Promise<Answer>): Promise<Answer> {
    const redis = new Redis(this.port, '127.0.0.1', { maxRetriesPerRequest: 3 });
    redis.on('error', () => undefined);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }

  async flush(): Promise<void> {
    await this.with((redis) => redis.flushall());
  }

  /** 0: no limit. */
  async limitMemory(bytes: number): Promise<void> {
    await this.with((redis) => redis.config('SET', 'maxmemory', String(bytes)));
  }
}
