import { randomBytes } from 'node:crypto';
import { freePort } from '../test/support/free-port.ts';
import { startPostgres } from '../test/support/postgres-server.ts';
import { ensureRedisServer, startRedis } from '../test/support/redis-server.ts';
import { readComposeFile, serviceEnvironment } from './compose-file.ts';
import { awaitReady, startMarketProcess, type MarketProcess } from './market-process.ts';

/**
 * The services of docker-compose.yml as plain processes, for a machine without a container engine: the same command lines
 * and the same environment, but addresses on this machine and free ports.
 */
export interface DistributedOptions {
  /** How many processes of each role: 0 or more. */
  api: number;
  orchestrators: number;
  agents: number;
  /** Undefined: a PostgreSQL of its own, which is gone after `stop`. */
  databaseUrl?: string | undefined;
  /** Undefined: a Redis of its own, which is gone after `stop`. */
  redisUrl?: string | undefined;
  /** Variables that docker-compose.yml may read. SWARMBID_ADMIN_KEY is made up where it is unset. */
  env: Readonly<Record<string, string | undefined>>;
  /** What the processes say, line by line. */
  onLine: (name: string, line: string) => void;
}

export interface DistributedMarket {
  databaseUrl: string;
  redisUrl: string;
  adminKey: string;
  /** Of the API processes. */
  urls: string[];
  processes: MarketProcess[];
  /** Ends the processes, each within 30 s, then the stores that were started here. May be called twice. */
  stop(): Promise<void>;
}

interface Store {
  url: string;
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 30_000;
const HOST = '127.0.0.1';

/** Starts the stores, migrates, then starts all processes and waits until each is ready. @throws Error, after stopping all */
export async function startDistributedMarket(options: DistributedOptions): Promise<DistributedMarket> {
  const stoppers: (() => Promise<unknown>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= stopAll(stoppers));
  try {
    const postgres = options.databaseUrl === undefined ? await startPostgres() : given(options.databaseUrl);
    stoppers.push(() => postgres.stop());
    if (options.redisUrl === undefined) await ensureRedisServer();
    const redis = options.redisUrl === undefined ? await startRedis() : given(options.redisUrl);
    stoppers.push(() => redis.stop());
    const adminKey = options.env['SWARMBID_ADMIN_KEY'] || `sb_${randomBytes(32).toString('base64url')}`;
    const environment = environmentMaker(options, { DATABASE_URL: postgres.url, REDIS_URL: redis.url }, adminKey);
    await migrate(environment('migrate'), options.onLine);

    const processes: MarketProcess[] = [];
    stoppers.push(() => Promise.all(processes.map((one) => one.stop(STOP_GRACE_MS))));
    for (const [service, count] of [
      ['api', options.api],
      ['orchestrator', options.orchestrators],
      ['agents', options.agents],
    ] as const) {
      for (let number = 1; number <= count; number++) {
        const env = { ...environment(service), HOST, PORT: String(await freePort()) };
        const name = `${service}-${number}`;
        processes.push(await startMarketProcess({ name, args: ['up'], env, onLine: options.onLine }));
      }
    }
    await Promise.all(processes.map(awaitReady));
    const urls = processes.filter((one) => one.name.startsWith('api-')).map((one) => one.url);
    return { databaseUrl: postgres.url, redisUrl: redis.url, adminKey, urls, processes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Last started, first stopped; one that fails to stop does not spare the others. */
async function stopAll(stoppers: (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const stop of stoppers.toReversed()) {
    try {
      await stop();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not everything could be stopped');
}

function given(url: string): Store {
  return { url, stop: () => Promise.resolve() };
}

/** The environment of a service: what it inherits is free of the market's variables, as in a container. */
function environmentMaker(
  options: DistributedOptions,
  stores: { DATABASE_URL: string; REDIS_URL: string },
  adminKey: string,
): (service: string) => NodeJS.ProcessEnv {
  const file = readComposeFile();
  const variables = { ...options.env, SWARMBID_ADMIN_KEY: adminKey };
  const services = Object.keys(file.services).map((service) => serviceEnvironment(file, service, variables));
  const known = new Set([...services.flatMap(Object.keys), 'DATABASE_MIGRATION_URL', 'SWARMBID_DATA_DIR']);
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !known.has(name)));
  return (service) => {
    const own = serviceEnvironment(file, service, variables);
    const urls = Object.fromEntries(Object.entries(stores).filter(([name]) => name in own));
    return { ...inherited, ...own, ...urls };
  };
}

async function migrate(env: NodeJS.ProcessEnv, onLine: DistributedOptions['onLine']): Promise<void> {
  const migration = await startMarketProcess({ name: 'migrate-1', args: ['migrate'], env, onLine });
  const code = await migration.ended;
  if (code !== 0) throw new Error(`swarmbid migrate ended with code ${code}`);
}
