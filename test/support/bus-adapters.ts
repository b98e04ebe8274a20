import { Redis } from 'ioredis';
import pg from 'pg';
import {
  busKeys,
  createPostgresEventBus,
  createRedisEventBus,
  poolCredential,
  type BusKeys,
  type EventBus,
} from '../../src/bus/index.ts';
import { CHANNEL_PREFIX } from '../../src/bus/names.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import { createTestDatabase, startRedis } from './stores.ts';

/** One process's bus, with what it counted and logged. */
export interface BusUnderTest {
  bus: EventBus;
  metrics: Metrics;
  logLines: string[];
}

const MARKET_SECRET = 'the secret of the market under test';
export const marketKeys = busKeys(MARKET_SECRET);
export const poolKeys = (pool: string): BusKeys => busKeys(poolCredential(MARKET_SECRET, pool));

/** A transport that a test can speak on behind the bus's back, and break. */
export interface BusAdapter {
  /** With the market's keys unless others are given. */
  open(from: string, keys?: BusKeys): Promise<BusUnderTest>;
  /** Puts text on a channel as it is. */
  sendRaw(channel: string, text: string): Promise<void>;
  /** Ends every connection that listens; new ones are let in. */
  breakListeners(): Promise<void>;
  /** Ends every connection and lets none in. */
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

function observed(): Omit<BusUnderTest, 'bus'> & { logger: ReturnType<typeof createLogger> } {
  const logLines: string[] = [];
  const logger = createLogger('debug', { write: (line: string) => void logLines.push(line) });
  return { logger, logLines, metrics: createMetrics() };
}

export async function redisBusAdapter(): Promise<BusAdapter> {
  let server = await startRedis();
  const { url: redisUrl, port } = server;
  const withAdmin = async (act: (admin: Redis) => Promise<unknown>) => {
    const admin = new Redis(redisUrl);
    await act(admin);
    admin.disconnect();
  };
  return {
    open: async (from, keys = marketKeys) => {
      const { logger, ...seen } = observed();
      return { ...seen, bus: await createRedisEventBus({ redisUrl, from, keys, logger, metrics: seen.metrics }) };
    },
    sendRaw: (channel, text) => withAdmin((admin) => admin.publish(CHANNEL_PREFIX + channel, text)),
    breakListeners: () => withAdmin((admin) => admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')),
    goDown: () => server.stop(),
    comeBack: async () => {
      server = await startRedis({ port });
    },
    stop: () => server.stop(),
  };
}

export async function postgresBusAdapter(postgresUrl: string): Promise<BusAdapter> {
  const database = await createTestDatabase(postgresUrl);
  const name = new URL(database.url).pathname.slice(1);
  const ask = async (statement: string, values: unknown[] = [], url = postgresUrl) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(statement, values);
    } finally {
      await client.end();
    }
  };
  const terminate = (which: string) =>
    ask(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and ${which}`, [name]);
  return {
    open: async (from, keys = marketKeys) => {
      const { logger, ...seen } = observed();
      const options = { databaseUrl: database.url, db: database.db, from, keys, logger, metrics: seen.metrics };
      return { ...seen, bus: await createPostgresEventBus(options) };
    },
    sendRaw: (channel, text) => ask('select pg_notify($1, $2)', [CHANNEL_PREFIX + channel, text], database.url),
    breakListeners: () => terminate(`application_name = 'swarmbid bus'`),
    goDown: async () => {
      await ask(`alter database ${name} allow_connections false`);
      await terminate('true');
    },
    comeBack: () => ask(`alter database ${name} allow_connections true`),
    stop: () => database.drop(),
  };
}
