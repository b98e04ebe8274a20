/**
 * `npm run test:faults`: kills, cuts, stops and confuses a market of real processes, and checks what must hold of it.
 *
 *   npm run test:faults                          a tenth of a release's faults, at most 30 minutes
 *   npm run test:faults -- --full                all of them
 *   npm run test:faults -- --short               as in npm test: at most 3 minutes
 *   npm run test:faults -- --seed 7              the schedule of that seed again
 *   npm run test:faults -- --only redis,freeze   only faults with these in their names
 *   npm run test:faults -- --minutes 5           inflicts no more faults after that time
 *   npm run test:faults -- --json                a last line of JSON
 *   npm run test:faults -- --mutations           breaks copies of our own code: each break must be caught
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureRedisServer } from '../support/redis-server.ts';
import { runMutations } from './mutations.ts';
import { planOf, type Size } from './plan.ts';
import { measureRecovery } from './recovery.ts';
import { describeChapter, findings, killsOf, totalsOf } from './report.ts';
import { runSuite } from './suite.ts';

const LEASE_MS = 1_500;
const DEFAULT_MINUTES: Record<Size, number> = { short: 3, tenth: 30, full: 300 };

function readOptions(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      short: { type: 'boolean', default: false },
      mutations: { type: 'boolean', default: false },
    },
  });
  const size: Size = values.full ? 'full' : values.short ? 'short' : 'tenth';
  const number = (name: string, text: string, least: number) => {
    if (Number(text) >= least) return Number(text);
    throw new RangeError(`--${name} ${text}: must be a number from ${least} up`);
  };
  return {
    size,
    seed: number('seed', values.seed ?? String(Date.now() % 1_000_000), 0),
    minutes: number('minutes', values.minutes ?? String(DEFAULT_MINUTES[size]), 0.1),
    only: values.only.split(',').filter((part) => part !== ''),
    json: values.json,
    mutations: values.mutations,
  };
}

async function main(args: string[]): Promise<boolean> {
  const options = readOptions(args);
  await ensureRedisServer();
  return options.mutations ? breakOurselves(options) : attack(options);
}

async function breakOurselves({ seed, only }: ReturnType<typeof readOptions>): Promise<boolean> {
  const results = await runMutations({ seed, leaseMs: LEASE_MS, only, say: (line) => console.log(line) });
  const caught = results.filter((one) => one.caughtBy !== undefined).length;
  console.log(`${caught} of ${results.length} breaks caught`);
  return 10 * caught >= 9 * results.length;
}

async function attack({ size, seed, minutes, only, json }: ReturnType<typeof readOptions>): Promise<boolean> {
  const say = (line: string) => console.error(line);
  say(`seed ${seed}, ${size}, lease ${LEASE_MS} ms`);
  const reports = await runSuite(
    {
      root: path.resolve(import.meta.dirname, '../..'),
      seed,
      chapters: planOf(size, only),
      attackMs: minutes * 60_000,
      leaseMs: LEASE_MS,
      say,
    },
    async (site) => {
      for (const line of await measureRecovery(site, size === 'short' ? 1 : 5)) console.log(line);
    },
  );
  for (const line of reports.flatMap(describeChapter)) console.log(line);
  const whole = findings(reports).length === 0;
  const flags = [
    `--seed ${seed}`,
    ...(size === 'tenth' ? [] : [`--${size}`]),
    ...(only.length === 0 ? [] : [`--only ${only.join(',')}`]),
  ];
  if (!whole) console.log(`FAILED. Again: npm run test:faults -- ${flags.join(' ')}`);
  const totals = totalsOf(seed, reports);
  console.log(`${killsOf(totals)} processes killed`);
  console.log(
    json
      ? JSON.stringify(totals)
      : `seed ${seed}: ${totals.faults} faults, ${totals.tasks} tasks, ${totals.lost} lost, ${totals.doubled} doubled, ${totals.stuck} stuck`,
  );
  return whole;
}

// Whoever is told to end takes the market along: `exit` kills what was started.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
