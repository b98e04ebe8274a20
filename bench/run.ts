/**
 * `npm run bench [-- --json] [-- --quick] [-- --only simple,team,…]`: measures the market on stores that it starts, and prints
 * what it measured and how. It judges nothing: no figure makes it fail; a lost task does.
 */
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.ts';
import { measureAnnounce } from './measures/announce.ts';
import { measureBurst } from './measures/burst.ts';
import { measureQueries } from './measures/queries.ts';
import { measureQueue } from './measures/queue.ts';
import { measureSimple } from './measures/simple.ts';
import { measureTeam } from './measures/team.ts';
import { renderReport, type Report } from './report.ts';
import { startStores, type Stores } from './stores.ts';

const measures = {
  simple: measureSimple,
  team: measureTeam,
  announce: measureAnnounce,
  burst: measureBurst,
  queue: measureQueue,
  queries: measureQueries,
} satisfies Record<string, (stores: Stores, quick: boolean) => Promise<unknown>>;

type Measure = keyof typeof measures;

const isMeasure = (name: string): name is Measure => name in measures;

function chosen(only: string | undefined): Measure[] {
  const names = only?.split(',') ?? Object.keys(measures);
  const unknown = names.filter((name) => !isMeasure(name));
  if (unknown.length > 0)
    throw new Error(`no such measure: ${unknown.join(', ')}; there are ${Object.keys(measures).join(', ')}`);
  return names.filter(isMeasure);
}

async function measureAll(stores: Stores, names: readonly Measure[], quick: boolean): Promise<Report> {
  const report: Report = { machine: describeMachine(stores), quick };
  for (const name of names) {
    process.stderr.write(`measuring ${name} …\n`);
    Object.assign(report, { [name]: await measures[name](stores, quick) });
  }
  return report;
}

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, only: { type: 'string' } },
});
const names = chosen(values.only);
const stores = await startStores();
try {
  const report = await measureAll(stores, names, values.quick ?? false);
  console.log(values.json === true ? JSON.stringify(report) : renderReport(report));
} finally {
  await stores.stop();
}
