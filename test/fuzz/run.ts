/**
 * `npm run test:fuzz [-- --seed N --cases M --json]`: 20,000 cases by default, on stores of its own. A failing run prints its
 * seed; the same seed makes the same cases again. With `--json` the last line is the report. Exit code 0 for no failure.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { startPostgres } from '../support/postgres-server.ts';
import { ensureRedisServer, startRedis } from '../support/redis-server.ts';
import { fuzz } from './fuzz.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    cases: { type: 'string', default: '20000' },
    json: { type: 'boolean', default: false },
  },
});
const [seed, cases] = [Number(values.seed), Number(values.cases)];
if (!Number.isInteger(seed) || !Number.isInteger(cases) || cases < 1) {
  process.stderr.write('--seed takes a whole number, --cases one of at least 1\n');
  process.exit(2);
}

process.stdout.write(`fuzzing with seed ${seed}, ${cases} cases\n`);
await ensureRedisServer();
const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
try {
  const startedAtMs = performance.now();
  const report = await fuzz({ databaseUrl: postgres.url, redisUrl: redis.url, seed, cases });
  const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
  const counts = Object.entries(report.byStatus).map(([status, count]) => `${count} × ${status}`);
  process.stdout.write(`${cases} cases in ${seconds} s; REST answered ${counts.join(', ')}\n`);
  for (const failure of report.failures) process.stdout.write(`FAILED ${failure}\n`);
  process.stdout.write(
    report.failures.length === 0 ? 'nothing failed\n' : `repeat it with --seed ${seed} --cases ${cases}\n`,
  );
  if (values.json) process.stdout.write(`${JSON.stringify({ ...report, seconds })}\n`);
  process.exitCode = report.failures.length === 0 ? 0 : 1;
} finally {
  await Promise.all([postgres.stop(), redis.stop()]);
}
