import path from 'node:path';
import { expect, test } from 'vitest';
import { planOf } from './plan.ts';
import { describeChapter, findings, killsOf, totalsOf } from './report.ts';
import { runSuite } from './suite.ts';

const SEED = 1;
const LIMIT_MS = 15 * 60_000;

test(
  `nothing is lost, doubled or stuck under the short fault run (npm run test:faults -- --short --seed ${SEED})`,
  { timeout: LIMIT_MS },
  async () => {
    const reports = await runSuite({
      root: path.resolve(import.meta.dirname, '../..'),
      seed: SEED,
      chapters: planOf('short', []),
      attackMs: Infinity,
      leaseMs: 1_500,
      say: () => undefined,
    });
    const told = reports.flatMap(describeChapter).join('\n');
    expect(findings(reports), told).toEqual([]);
    const totals = totalsOf(SEED, reports);
    expect(totals, told).toMatchObject({ lost: 0, doubled: 0, stuck: 0 });
    expect(killsOf(totals), told).toBeGreaterThanOrEqual(60);
  },
);
