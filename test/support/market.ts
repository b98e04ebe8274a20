import { inject } from 'vitest';
import { z } from 'zod';
import { createApp, type App } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { AgentDefinition } from '../../src/contracts/agent-definition.ts';
import type { EventType, TaskEvent } from '../../src/contracts/events.ts';
import type { TaskSubmission, TaskView } from '../../src/contracts/task.ts';
import type { Database } from '../../src/db/database.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { SwarmbidClient } from '../../src/sdk/index.ts';
import { createTestDatabase, startRedis } from './stores.ts';

export const TRANSPORTS = ['PostgreSQL', 'Redis'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export const ADMIN_KEY = 'sb_the_admin_key_of_the_scenarios';

export interface MarketOptions {
  transport: Transport;
  /** Served by the market's own process; undefined: the built-in ones. */
  agents?: readonly AgentDefinition[];
  /** Over the defaults of the environment. */
  env?: NodeJS.ProcessEnv;
}

/** What a `reputation.changed` event says. */
const changeSchema = z.object({
  agentId: z.string(),
  subtaskId: z.string(),
  outcome: z.string(),
  quality: z.number().nullable(),
  delta: z.number(),
  reason: z.string().nullable(),
  before: z.number(),
  after: z.number(),
});
export type Change = z.infer<typeof changeSchema>;

/** A market with all its roles in this process, on stores of its own, seen from outside. */
export class Market {
  readonly url: string;
  readonly db: Database;
  readonly databaseUrl: string;
  readonly admin: SwarmbidClient;
  /** What its processes are started with. */
  readonly env: NodeJS.ProcessEnv;
  private readonly agents: readonly AgentDefinition[] | undefined;
  private readonly closeStores: () => Promise<void>;
  private readonly ending = new AbortController();
  private app: App;
  private pools: App[] = [];

  constructor(parts: {
    url: string;
    db: Database;
    env: NodeJS.ProcessEnv;
    agents: readonly AgentDefinition[] | undefined;
    app: App;
    closeStores: () => Promise<void>;
  }) {
    this.url = parts.url;
    this.db = parts.db;
    this.databaseUrl = parts.env['DATABASE_URL'] ?? '';
    this.env = parts.env;
    this.agents = parts.agents;
    this.app = parts.app;
    this.closeStores = parts.closeStores;
    this.admin = this.client(ADMIN_KEY);
  }

  client(token: string | undefined): SwarmbidClient {
    return new SwarmbidClient({ url: this.url, token });
  }

  /** A request of an admin without the client in between. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${ADMIN_KEY}`);
    return fetch(`${this.url}${path}`, { ...init, headers });
  }

  submit(task: TaskSubmission): Promise<TaskView> {
    return this.admin.submit(task);
  }

  /** The task's events from the first one, as soon as they satisfy; they may go on after its end. */
  async until(taskId: string, satisfied: (events: TaskEvent[]) => boolean): Promise<TaskEvent[]> {
    const events: TaskEvent[] = [];
    for await (const event of this.admin.watch(taskId, { untilEnd: false, signal: this.ending.signal })) {
      events.push(event);
      if (satisfied(events)) return events;
    }
    throw new Error(`the feed of task ${taskId} ended after ${events.length} events`);
  }

  /** All events up to the first of this type, that one included. */
  untilType(taskId: string, type: EventType): Promise<TaskEvent[]> {
    return this.until(taskId, (events) => events.at(-1)?.type === type);
  }

  /** The task at its end. */
  ended(taskId: string): Promise<TaskView> {
    return this.admin.wait(taskId, { signal: this.ending.signal });
  }

  async run(task: TaskSubmission): Promise<TaskView> {
    const { id } = await this.submit(task);
    return this.ended(id);
  }

  /** The first `count` changes of reputation that the task has brought, once they are told. */
  async changes(taskId: string, count: number): Promise<Change[]> {
    const of = (events: TaskEvent[]) => events.filter((event) => event.type === 'reputation.changed');
    const events = await this.until(taskId, (all) => of(all).length === count);
    return of(events).map((event) => changeSchema.parse(event.data));
  }

  /** As if the agent had earned it. */
  async giveReputation(agentId: string, reputation: number): Promise<void> {
    await this.db.updateTable('agent').set({ reputation }).where('id', '=', agentId).execute();
  }

  /** Another process (but in this one) that serves a pool; ends with the market. */
  async join(pool: string, agents: readonly AgentDefinition[]): Promise<App> {
    const app = await createApp(readConfig({ ...this.env, PORT: '0', SWARMBID_ROLES: 'agents', SWARMBID_POOL: pool }), {
      agents,
      logger: createLogger('fatal'),
    });
    this.pools.push(app);
    await app.start();
    return app;
  }

  async stopServer(): Promise<void> {
    await this.app.stop();
  }

  /** Starts the server again after `stopServer`, under the same address. */
  async startServer(): Promise<void> {
    this.app = await open({ ...this.env, PORT: new URL(this.url).port }, this.agents);
    await this.app.start();
  }

  async stop(): Promise<void> {
    this.ending.abort(new Error('the market of this test was stopped'));
    for (const pool of this.pools) await pool.stop();
    await this.app.stop();
    await this.closeStores();
  }
}

export async function startMarket(options: MarketOptions): Promise<Market> {
  const database = await createTestDatabase(inject('postgresUrl'));
  // Pub/sub knows no databases: two markets on one Redis would hear each other.
  const redis = options.transport === 'Redis' ? await startRedis() : undefined;
  const closeStores = async () => {
    await redis?.stop();
    await database.drop();
  };
  const env: NodeJS.ProcessEnv = {
    DATABASE_URL: database.url,
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    SWARMBID_ADMIN_KEY: ADMIN_KEY,
    PORT: '0',
    // It closes when all pools have answered; on a machine under load that may take a while.
    BID_WINDOW_MS: '1500',
    ...options.env,
  };
  const app = await open(env, options.agents);
  try {
    const { url } = await app.start();
    if (url === null) throw new Error('the market started without its API');
    return new Market({ url, db: database.db, env, agents: options.agents, app, closeStores });
  } catch (error) {
    await app.stop();
    await closeStores();
    throw error;
  }
}

function open(env: NodeJS.ProcessEnv, agents: readonly AgentDefinition[] | undefined): Promise<App> {
  // What a scenario provokes is warned of, rightly.
  const logger = createLogger('fatal');
  return createApp(readConfig(env), agents === undefined ? { logger } : { agents, logger });
}
