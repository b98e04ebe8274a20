import { access, constants, statfs } from 'node:fs/promises';
import path from 'node:path';
import { checkRedis, type RedisState } from './bus/check-redis.ts';
import type { Config } from './config.ts';
import { verifyAuditChain, type AuditChain } from './db/audit-chain.ts';
import { checkEmbeddedPostgres, checkPostgres, type PostgresState } from './db/check-postgres.ts';
import { openDatabase } from './db/database.ts';
import { startEmbeddedPostgres } from './db/embedded-postgres.ts';
import { runningEmbeddedUrl } from './db/running-postgres.ts';
import { createLogger } from './observability/logger.ts';

/** One thing that the market stands on. */
export interface Check {
  name: string;
  ok: boolean;
  /** What was found. */
  detail: string;
  /** How to mend it; null where there is nothing to mend. */
  mend: string | null;
}

const OLDEST_POSTGRES = 15;
const OLDEST_REDIS = '6.2';
const LEAST_FREE_MIB = 512;

/** Asks PostgreSQL and Redis, or what takes their place in embedded mode, and the data directory. Never rejects. */
export async function checkStores(config: Config): Promise<Check[]> {
  const groups = await Promise.all([
    config.databaseUrl === undefined ? embeddedChecks() : postgresChecks(config.databaseUrl),
    config.redisUrl === undefined ? [transportCheck()] : redisChecks(config.redisUrl),
    config.databaseUrl === undefined ? dataDirChecks(config.dataDir) : [],
  ]);
  return groups.flat();
}

/** Verifies the audit trail, of the embedded server too: of the one that runs, else of one started for this. Never rejects. */
export async function checkAuditTrail(config: Config): Promise<Check> {
  const logger = createLogger('silent');
  try {
    const url = config.databaseUrl ?? (await runningEmbeddedUrl(config.dataDir));
    if (url !== null) return auditCheck(await readAuditChain(url));
    const server = await startEmbeddedPostgres({ dataDir: config.dataDir, logger });
    try {
      return auditCheck(await readAuditChain(server.url));
    } finally {
      await server.stop();
    }
  } catch (error) {
    return failed(
      'Audit trail',
      `it could not be read: ${messageOf(error)}`,
      'Make the PostgreSQL checks pass first; `swarmbid migrate` brings the tables up to date.',
    );
  }
}

async function readAuditChain(url: string): Promise<AuditChain> {
  const logger = createLogger('silent');
  const db = openDatabase({ url, role: 'api', maxConnections: 1, applicationName: 'swarmbid-doctor', logger });
  try {
    return await verifyAuditChain(db);
  } finally {
    await db.destroy();
  }
}

function auditCheck({ entries, head, broken }: AuditChain): Check {
  if (broken === null) return passed('Audit trail', `${entries} entries hold; head ${head ?? 'none'}`);
  return failed(
    'Audit trail',
    `row ${broken.seq} is broken: ${broken.fault} (${entries} entries before it hold)`,
    'Somebody changed the table behind the market. Compare with a backup, and with heads noted earlier.',
  );
}

async function embeddedChecks(): Promise<Check[]> {
  try {
    const version = await checkEmbeddedPostgres();
    return [passed('PostgreSQL', `embedded: ${version} (DATABASE_URL is not set)`)];
  } catch (error) {
    return [
      failed(
        'PostgreSQL',
        `embedded: ${messageOf(error)}`,
        'Run `npm ci` again on this machine, or set DATABASE_URL to a PostgreSQL server.',
      ),
    ];
  }
}

async function postgresChecks(url: string): Promise<Check[]> {
  const place = placeOf(url);
  try {
    // Silent: what goes wrong is in the error that this rejects with.
    const state = await checkPostgres(url, createLogger('silent'));
    return [serverCheck(place, state), migrationCheck(state)];
  } catch (error) {
    return [
      failed(
        'PostgreSQL',
        `${place}: ${messageOf(error)}`,
        'Start PostgreSQL there, or correct DATABASE_URL (user, password, database).',
      ),
    ];
  }
}

function serverCheck(place: string, state: PostgresState): Check {
  const detail = `${place}: version ${state.version}`;
  if (state.majorVersion < OLDEST_POSTGRES)
    return failed('PostgreSQL', detail, `Use PostgreSQL ${OLDEST_POSTGRES} or newer.`);
  if (state.readOnly)
    return failed('PostgreSQL', `${detail}, read-only`, 'Point DATABASE_URL at the primary, not at a standby.');
  return passed('PostgreSQL', detail);
}

function migrationCheck({ pending }: PostgresState): Check {
  if (pending.length === 0) return passed('Migrations', 'all applied');
  return failed(
    'Migrations',
    `not applied: ${pending.join(', ')}`,
    'Run `swarmbid migrate`; `swarmbid up` does it at its start too.',
  );
}

function transportCheck(): Check {
  return passed('Redis', 'not used: PostgreSQL carries the bus and the queues (REDIS_URL is not set)');
}

async function redisChecks(urls: string): Promise<Check[]> {
  const checks = await Promise.all(urls.split(',').map((url) => redisNodeChecks(url.trim())));
  return checks.flat();
}

async function redisNodeChecks(url: string): Promise<Check[]> {
  const place = placeOf(url);
  try {
    const state = await checkRedis(url);
    return [redisVersionCheck(place, state), evictionCheck(place, state), appendOnlyCheck(place, state)];
  } catch (error) {
    return [failed('Redis', `${place}: ${messageOf(error)}`, 'Start Redis there, or correct REDIS_URL.')];
  }
}

function redisVersionCheck(place: string, { version }: RedisState): Check {
  const detail = `${place}: version ${version}`;
  const oldEnough = version.localeCompare(OLDEST_REDIS, 'en', { numeric: true }) >= 0;
  return oldEnough ? passed('Redis', detail) : failed('Redis', detail, `Use Redis ${OLDEST_REDIS} or newer.`);
}

function evictionCheck(place: string, { maxmemoryPolicy }: RedisState): Check {
  const detail = `${place}: maxmemory-policy ${maxmemoryPolicy}`;
  if (maxmemoryPolicy === 'noeviction') return passed('Redis eviction', detail);
  return failed('Redis eviction', detail, 'Set `maxmemory-policy noeviction`: an evicted key is a lost job.');
}

function appendOnlyCheck(place: string, { appendOnly }: RedisState): Check {
  const detail = `${place}: appendonly ${appendOnly ? 'yes' : 'no'}`;
  if (appendOnly) return passed('Redis persistence', detail);
  return failed(
    'Redis persistence',
    detail,
    'Set `appendonly yes`, so that a restart of Redis does not have to be healed by re-issuing every job.',
  );
}

async function dataDirChecks(dataDir: string): Promise<Check[]> {
  const directory = path.resolve(dataDir);
  try {
    const existing = await nearestExisting(directory);
    await access(existing, constants.W_OK);
    return [await freeSpaceCheck(existing, directory)];
  } catch (error) {
    return [
      failed(
        'Data directory',
        messageOf(error),
        'Let this user write there, or set SWARMBID_DATA_DIR to another directory.',
      ),
    ];
  }
}

/** The directory, or the ancestor in which the first start will make it. */
async function nearestExisting(directory: string): Promise<string> {
  const found = await access(directory).then(
    () => true,
    () => false,
  );
  return found || path.dirname(directory) === directory ? directory : nearestExisting(path.dirname(directory));
}

async function freeSpaceCheck(existing: string, directory: string): Promise<Check> {
  const { bavail, bsize } = await statfs(existing);
  const freeMib = Math.floor((bavail * bsize) / 2 ** 20);
  const detail = `${directory}: ${freeMib} MiB free`;
  if (freeMib >= LEAST_FREE_MIB) return passed('Data directory', detail);
  return failed(
    'Data directory',
    detail,
    `Free at least ${LEAST_FREE_MIB} MiB, or set SWARMBID_DATA_DIR to a directory on another disk.`,
  );
}

function passed(name: string, detail: string): Check {
  return { name, ok: true, detail, mend: null };
}

function failed(name: string, detail: string, mend: string): Check {
  return { name, ok: false, detail, mend };
}

/** Host and database, never user or password. */
function placeOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname === '/' ? '' : pathname}`;
  } catch {
    return 'an address that cannot be read';
  }
}

/** Connection refusals on several addresses come as an AggregateError without a message of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
