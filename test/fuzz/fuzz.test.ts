import { expect, inject, test } from 'vitest';
import { createTestDatabase, startRedis } from '../support/stores.ts';
import { fuzz } from './fuzz.ts';

/** The short form of `npm run test:fuzz`. */
test('600 cases at the outside of a market: no 5xx, nothing of another owner, nothing secret in the log', async () => {
  const [database, redis] = await Promise.all([createTestDatabase(inject('postgresUrl')), startRedis()]);
  try {
    const report = await fuzz({ databaseUrl: database.url, redisUrl: redis.url, seed: 20261125, cases: 600 });
    expect(report.failures).toStrictEqual([]);
    // cases prove little if all are let in, or none
    for (const status of ['200', '202', '400', '401', '403', '404']) expect(report.byStatus).toHaveProperty(status);
  } finally {
    await Promise.all([database.drop(), redis.stop()]);
  }
}, 120_000);
