import pg from 'pg';
import type { Logger } from '../observability/logger.ts';
import { backoffMs } from '../util/backoff.ts';

const PROBE_PERIOD_MS = 15_000;
const QUERY_TIMEOUT_MS = 5_000;

/** SQLSTATE class of a server that ends the connection: shutting down, crashed, told to. */
const OPERATOR_INTERVENTION = '57';

export interface ListenEvents {
  onNotification(name: string, payload: string): void;
  /** A broken connection was made anew and listens to all names again. */
  onReconnect(): void;
}

/**
 * A connection of its own for LISTEN, made anew with back-off whenever it breaks. While it is broken, `listen` waits; a
 * probe every 15 s finds a peer that went without a word.
 */
export class ListenConnection {
  readonly #url: string;
  readonly #logger: Logger;
  readonly #events: ListenEvents;
  readonly #names = new Set<string>();
  readonly #probes: NodeJS.Timeout;
  #client: pg.Client | undefined;
  #next = unhandledQuietly(Promise.withResolvers<pg.Client>());
  #retry: NodeJS.Timeout | undefined;
  #tries = 0;
  #everConnected = false;
  #closed = false;

  constructor(url: string, logger: Logger, events: ListenEvents) {
    this.#url = url;
    this.#logger = logger;
    this.#events = events;
    this.#probes = setInterval(() => this.#probe(), PROBE_PERIOD_MS);
    this.#probes.unref();
    void this.#connect();
  }

  /** Resolves when there is a connection; rejects when this is closed before. */
  async connected(): Promise<void> {
    await this.#next.promise;
  }

  /** Resolves when every later notification of `name` arrives. */
  async listen(name: string): Promise<void> {
    this.#names.add(name);
    await this.#run(`listen ${pg.escapeIdentifier(name)}`);
  }

  /** Of a broken connection nothing is asked: the next one will not listen to `name`. */
  async unlisten(name: string): Promise<void> {
    this.#names.delete(name);
    if (this.#client !== undefined) await this.#run(`unlisten ${pg.escapeIdentifier(name)}`);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#probes);
    clearTimeout(this.#retry);
    this.#next.reject(new Error('the connection that listens is closed'));
    await this.#client?.end();
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'swarmbid bus',
      connectionTimeoutMillis: QUERY_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    });
    client.on('error', (error) => this.#lost(client, error));
    client.on('end', () => this.#lost(client));
    client.on('notification', ({ channel, payload = '' }) => this.#events.onNotification(channel, payload));
    try {
      await client.connect();
      const listens = [...this.#names].map((name) => `listen ${pg.escapeIdentifier(name)}`);
      if (listens.length > 0) await client.query(listens.join(';'));
    } catch (error) {
      discard(client);
      this.#connectLater(error);
      return;
    }
    this.#stand(client);
  }

  #stand(client: pg.Client): void {
    if (this.#closed) {
      discard(client);
      return;
    }
    this.#client = client;
    this.#tries = 0;
    this.#next.resolve(client);
    if (this.#everConnected) this.#events.onReconnect();
    this.#everConnected = true;
  }

  #connectLater(error: unknown): void {
    if (this.#closed) return;
    if (this.#tries === 0)
      this.#logger.warn({ err: error }, 'PostgreSQL does not answer; connecting again until it does');
    this.#retry = setTimeout(() => void this.#connect(), backoffMs(this.#tries, 50, 1_000));
    this.#tries += 1;
  }

  #lost(client: pg.Client, error?: unknown): void {
    if (this.#client !== client || this.#closed) return;
    this.#logger.warn({ err: error }, 'the connection that listens broke; connecting again');
    this.#client = undefined;
    this.#next = unhandledQuietly(Promise.withResolvers());
    discard(client);
    void this.#connect();
  }

  /** Runs `statement`; when the connection breaks meanwhile, again on the next one. */
  async #run(statement: string): Promise<void> {
    for (;;) {
      const client = await this.#next.promise;
      try {
        await client.query(statement);
        return;
      } catch (error) {
        const refused = error instanceof pg.DatabaseError && error.code?.startsWith(OPERATOR_INTERVENTION) !== true;
        if (refused || this.#closed) throw error;
        this.#lost(client, error);
      }
    }
  }

  #probe(): void {
    const client = this.#client;
    client?.query('select 1').catch((error: unknown) => this.#lost(client, error));
  }
}

/** Nobody may be waiting when a close rejects it. */
function unhandledQuietly<Value>(resolvers: PromiseWithResolvers<Value>): PromiseWithResolvers<Value> {
  resolvers.promise.catch(() => undefined);
  return resolvers;
}

/** What a dead peer may still say is of no interest; its farewell is not waited for. */
function discard(client: pg.Client): void {
  client.removeAllListeners('notification');
  client.end().catch(() => undefined);
}
