/**
 * `npm run start:distributed`: the market of docker-compose.yml without containers. Ctrl-C stops everything.
 *
 *   npm run start:distributed -- --api 2 --orchestrators 2 --agents 3
 *   npm run start:distributed -- --database-url postgres://… --redis-url redis://…
 */
import { parseArgs } from 'node:util';
import { startDistributedMarket, type DistributedMarket } from './distributed-market.ts';

const MOST_PROCESSES = 32;
const HELP = `The market of docker-compose.yml without containers. Ctrl-C stops everything.

  --api N             API processes (default 1)
  --orchestrators N   orchestrator processes (default 1)
  --agents N          processes that serve the built-in agents (default 1)
  --database-url URL  a PostgreSQL server (default: one of its own, thrown away at the end)
  --redis-url URL     a Redis server (default: one of its own, thrown away at the end)
`;

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= MOST_PROCESSES) return value;
  throw new RangeError(`--${name} ${text}: must be a whole number from 0 to ${MOST_PROCESSES}`);
}

function readOptions(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      api: { type: 'string', default: '1' },
      orchestrators: { type: 'string', default: '1' },
      agents: { type: 'string', default: '1' },
      'database-url': { type: 'string' },
      'redis-url': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    console.log(HELP);
    process.exit(0);
  }
  return {
    api: count('api', values.api),
    orchestrators: count('orchestrators', values.orchestrators),
    agents: count('agents', values.agents),
    databaseUrl: values['database-url'],
    redisUrl: values['redis-url'],
  };
}

function describeMarket(market: DistributedMarket): string {
  return [
    'The market is up:',
    ...market.processes.map((one) => `  ${one.name.padEnd(16)} ${one.url}  (pid ${one.pid})`),
    'For a pool or a client in another terminal:',
    `  export DATABASE_URL=${market.databaseUrl}`,
    `  export REDIS_URL=${market.redisUrl}`,
    ...market.urls.slice(0, 1).map((url) => `  export SWARMBID_URL=${url}`),
    `  export SWARMBID_TOKEN=${market.adminKey}`,
    'Ctrl-C stops everything.',
  ].join('\n');
}

// Listened for from the beginning: a Ctrl-C while the market starts must not leave half of it behind.
const signalled = new Promise<undefined>((resolve) => {
  process.on('SIGINT', () => resolve(undefined)).on('SIGTERM', () => resolve(undefined));
});

function optionsOrExit(args: string[]) {
  try {
    return readOptions(args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}

const market = await startDistributedMarket({
  ...optionsOrExit(process.argv.slice(2)),
  env: process.env,
  onLine: (name, line) => process.stderr.write(`${name.padEnd(16)} | ${line}\n`),
});
console.log(describeMarket(market));

const failed = Promise.race(
  market.processes.map(async (one) => `${one.name} ended by itself with code ${await one.ended}`),
);
const fault = await Promise.race([signalled, failed]);
if (fault !== undefined) {
  console.error(fault);
  process.exitCode = 1;
}
await market.stop();
