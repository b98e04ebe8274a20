import { access, constants, statfs } from 'node:fs/promises';
import path from 'node:path';
import { DEFAULT_OPENAI_MODEL, OPENAI_URL, probeModels, probeOllama, type ModelProbe } from './agents/index.ts';
import { checkRedis, type RedisState } from './bus/check-redis.ts';
import type { Config, ModelConfig } from './config.ts';
import { verifyAuditChain, type AuditChain } from './db/audit-chain.ts';
import { checkEmbeddedPostgres, checkPostgres, type PostgresState } from './db/check-postgres.ts';
import { openDatabase } from './db/database.ts';
import { startEmbeddedPostgres } from './db/embedded-postgres.ts';
import { runningEmbeddedUrl } from './db/running-postgres.ts';
import { createLogger } from './observability/logger.ts';
import { isTlsFault } from './util/tls-fault.ts';

/** One thing that the market stands on. */
export interface Check {
  name: string;
  ok: boolean;
  /** What was found. */
  detail: string;
  /** How to mend it; null where there is nothing to mend. */
  mend: string | null;
}

const OLDEST_POSTGRES = 16;
const OLDEST_REDIS = '6.2';
const LEAST_FREE_MIB = 512;

/** Asks PostgreSQL and Redis, or what takes their place in embedded mode, the data directory, and the model server. Never rejects. */
export async function checkStores(config: Config): Promise<Check[]> {
  const groups = await Promise.all([
    config.databaseUrl === undefined ? embeddedChecks() : postgresChecks(config.databaseUrl),
    config.redisUrl === undefined ? [transportCheck()] : redisChecks(config.redisUrl),
    config.databaseUrl === undefined ? dataDirChecks(config.dataDir) : [],
    modelChecks(config.model),
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
        isTlsFault(error)
          ? 'Name in DATABASE_URL the host that the certificate names, and the CA that signed it: ?sslmode=verify-full&sslrootcert=/path/ca.pem.'
          : 'Start PostgreSQL there, or correct DATABASE_URL (user, password, database).',
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
    const mend = isTlsFault(error)
      ? 'Name in REDIS_URL the host that the certificate names, and in REDIS_TLS_CA_FILE the CA that signed it; rediss:// needs the port of TLS.'
      : 'Start Redis there, or correct REDIS_URL.';
    return [failed('Redis', `${place}: ${messageOf(error)}`, mend)];
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

async function modelChecks(model: ModelConfig | undefined): Promise<Check[]> {
  if (model === undefined)
    return [
      passed('Model', 'none: the built-in agents work by rules (OPENAI_BASE_URL and OPENAI_API_KEY are not set)'),
    ];
  const baseUrl = model.baseUrl ?? OPENAI_URL;
  const [listed, ollama] = await Promise.all([
    probeModels({ baseUrl, apiKey: model.apiKey }),
    model.baseUrl === undefined ? null : probeOllama({ baseUrl }),
  ]);
  const wanted = model.model ?? (model.baseUrl === undefined ? DEFAULT_OPENAI_MODEL : undefined);
  // What is no Ollama has no such list, and need not.
  return [modelCheck(listed, wanted), ...(ollama === null || ollama.models === null ? [] : [ollamaCheck(ollama)])];
}

function modelCheck({ url, models, fault }: ModelProbe, wanted: string | undefined): Check {
  const place = placeOf(url);
  if (models === null)
    return failed(
      'Model',
      `${place}: ${fault ?? ''}`,
      'Start the model server, or correct OPENAI_BASE_URL and OPENAI_API_KEY.',
    );
  const detail = `${place}: ${models.length === 1 ? '1 model' : `${models.length} models`}`;
  if (wanted === undefined && models.length > 0) return passed('Model', `${detail}; ${models[0] ?? ''} will be used`);
  if (wanted !== undefined && models.includes(wanted)) return passed('Model', `${detail}, with ${wanted}`);
  const named = models.slice(0, 5).join(', ');
  return failed(
    'Model',
    `${detail}${wanted === undefined ? '' : `, without ${wanted}`}`,
    models.length === 0
      ? 'Load a model there (Ollama: `ollama pull llama3.2`).'
      : `Set OPENAI_MODEL to one of: ${named}.`,
  );
}

function ollamaCheck({ url, models }: ModelProbe): Check {
  const pulled = models ?? [];
  const detail = `${placeOf(url)}: ${pulled.length === 0 ? 'nothing' : pulled.slice(0, 5).join(', ')} pulled`;
  return pulled.length > 0
    ? passed('Ollama', detail)
    : failed('Ollama', detail, 'Pull a model: `ollama pull llama3.2`.');
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
