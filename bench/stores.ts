import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/db/embedded-postgres.ts';
import { createLogger } from '../src/observability/logger.ts';
import { ensureRedisServer, startRedis } from '../test/support/redis-server.ts';

/** One PostgreSQL with its durable settings (fsync on) and one Redis, for everything that is measured. */
export interface Stores {
  redisUrl: string;
  /** An empty database of its own on the PostgreSQL server, and an empty Redis. */
  freshDatabase(name: string): Promise<string>;
  versions: { postgres: string; redis: string };
  stop(): Promise<void>;
}

export async function startStores(): Promise<Stores> {
  await ensureRedisServer();
  const dataDir = await mkdtemp(path.join(tmpdir(), 'swarmbid-bench-'));
  // Root starts PostgreSQL as an ordinary user, who must be able to enter.
  await chmod(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, logger: createLogger('warn') });
  const redis = await startRedis();
  return {
    redisUrl: redis.url,
    freshDatabase: async (name) => {
      await query(postgres.url, `create database ${name}`);
      await flush(redis.url);
      const url = new URL(postgres.url);
      url.pathname = `/${name}`;
      return url.href;
    },
    versions: { postgres: await postgresVersion(postgres.url), redis: await redisVersion(redis.url) },
    stop: async () => {
      await Promise.all([postgres.stop(), redis.stop()]);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function query(url: string, statement: string): Promise<pg.QueryResult<Record<string, string>>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query<Record<string, string>>(statement);
  } finally {
    await client.end();
  }
}

async function postgresVersion(url: string): Promise<string> {
  const { rows } = await query(url, 'show server_version');
  return rows[0]?.server_version ?? 'unknown';
}

async function flush(url: string): Promise<void> {
  const client = new Redis(url);
  await client.flushall();
  client.disconnect();
}

async function redisVersion(url: string): Promise<string> {
  const client = new Redis(url);
  const info = await client.info('server');
  client.disconnect();
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown';
}
