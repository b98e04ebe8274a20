import { chmod, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/db/embedded-postgres.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { freePort } from '../support/free-port.ts';

const POLL_MS = 10;

/** A PostgreSQL server of its own, durable, that can be killed, stopped and started again under one address. */
export class FaultyPostgres {
  readonly port: number;
  readonly #directory: string;
  #server: EmbeddedPostgres | undefined;
  /** Of the log of earlier starts. */
  #said = '';
  #told = 0;

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.port = port;
  }

  static async start(directory: string): Promise<FaultyPostgres> {
    await mkdir(directory, { recursive: true });
    // root starts it as an ordinary user, who must be able to enter
    await chmod(directory, 0o755);
    const server = new FaultyPostgres(directory, await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    if (this.#server === undefined) throw new Error('PostgreSQL has never been started');
    return this.#server.url;
  }

  async start(): Promise<void> {
    this.#server = await startEmbeddedPostgres({
      dataDir: this.#directory,
      port: this.port,
      durable: true,
      logger: createLogger('silent'),
    });
  }

  /** `immediate`: as a crash, without a checkpoint; the next start recovers from the log. */
  async stop(mode: 'immediate' | 'fast'): Promise<void> {
    const pid = await this.#pid();
    process.kill(pid, mode === 'immediate' ? 'SIGQUIT' : 'SIGINT');
    while (isAlive(pid)) await delay(POLL_MS);
    this.#said += await this.#log();
  }

  async terminateBackends(): Promise<void> {
    await this.ask(
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null',
    );
  }

  /** One statement on a connection of its own. */
  async ask<Row extends pg.QueryResultRow>(statement: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(statement, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** What the server has said in its log, over its restarts, since this was asked last. */
  async newlySaid(): Promise<string> {
    const said = this.#said + (await this.#log());
    const news = said.slice(this.#told);
    this.#told = said.length;
    return news;
  }

  async end(): Promise<void> {
    await this.#server?.stop();
  }

  async #log(): Promise<string> {
    return readFile(path.join(this.#directory, 'postgres/server.log'), 'utf8').catch(() => '');
  }

  async #pid(): Promise<number> {
    const file = await readFile(path.join(this.#directory, 'postgres/cluster/postmaster.pid'), 'utf8');
    return Number(file.split('\n')[0]);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
