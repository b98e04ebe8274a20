import type { TestProject } from 'vitest/node';
import { ensureDashboard } from './dashboard-build.ts';
import { startPostgres } from './postgres-server.ts';
import { ensureRedisServer, startRedis } from './redis-server.ts';
import { createTemplateDatabase } from './stores.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of a database that nobody uses; for `createTestDatabase`. */
    postgresUrl: string;
    /** One Redis for the whole run: a test file that flushes or stops it starts its own. */
    redisUrl: string;
  }
}

/** One PostgreSQL and one Redis for the whole run, and the dashboard as its sources are. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await ensureRedisServer();
  await ensureDashboard();
  const starting = [startPostgres(), startRedis()] as const;
  const stop = async () => {
    for (const server of await Promise.allSettled(starting)) {
      if (server.status === 'fulfilled') await server.value.stop();
    }
  };
  try {
    const [postgres, redis] = await Promise.all(starting);
    await createTemplateDatabase(postgres.url);
    project.provide('postgresUrl', postgres.url);
    project.provide('redisUrl', redis.url);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
