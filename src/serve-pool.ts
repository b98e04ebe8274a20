import { Pool, ToolCaller } from './agents/index.ts';
import { readProcessConfig } from './config.ts';
import { connect, Endings } from './connections.ts';
import type { AgentDefinition } from './contracts/agent-definition.ts';
import { MarketError } from './contracts/errors.ts';
import { runningEmbeddedUrl } from './db/running-postgres.ts';
import { createLogger, type Logger } from './observability/logger.ts';
import { Wakeups } from './orchestrator/index.ts';
import { defineAgent } from './sdk/define-agent.ts';
import { createEvaluator } from './synthesis/index.ts';

export interface ServePoolOptions {
  /** Name of the pool: every process that serves the same code uses the same one. Default SWARMBID_POOL, else the first agent's id. */
  pool?: string;
  /** Default DATABASE_URL, else the embedded server that runs under `SWARMBID_DATA_DIR`. */
  databaseUrl?: string;
  /** Default REDIS_URL; none where the market runs without Redis. */
  redisUrl?: string;
  logger?: Logger;
}

export interface ServedPool {
  pool: string;
  replicaId: string;
  /** Resolves when the pool has left the market. */
  closed: Promise<void>;
  /** Takes no more work, waits for what runs (at most DRAIN_MS), and leaves. */
  close(): Promise<void>;
}

/**
 * Serves agents from this process as a pool of the market whose PostgreSQL (and Redis) it is pointed to. Resolves when they
 * bid. SIGINT and SIGTERM are the caller's: `close` ends the pool.
 * @throws MarketError INVALID_REQUEST or CONFLICT that names every wrong, doubled or taken agent
 */
export async function servePool(
  definitions: readonly AgentDefinition[],
  options: ServePoolOptions = {},
): Promise<ServedPool> {
  const agents = distinct(definitions.map(defineAgent));
  const [first] = agents;
  if (first === undefined) throw new Error('servePool needs at least one agent.');
  const config = readProcessConfig(environmentOf(options));
  const logger = options.logger ?? createLogger(config.logLevel);
  const databaseUrl = config.databaseUrl ?? (await runningEmbeddedUrl(config.dataDir));
  if (databaseUrl === null) {
    throw new Error(
      `No market to join: DATABASE_URL is unset, and no embedded market runs under ${config.dataDir}. ` +
        'Start one with `npm start`, or set DATABASE_URL (and REDIS_URL) to those of the market.',
    );
  }
  const endings = new Endings(logger);
  try {
    const name = config.pool ?? first.id;
    const { redisUrl, poolSecret, leaseMs } = config;
    const connections = await connect(
      { databaseUrl, redisUrl, poolSecret, leaseMs },
      { from: name, role: { pool: name } },
      logger,
      endings,
    );
    const wakeups = new Wakeups(connections.bus, logger);
    const { evaluate, close: closeEvaluator } = createEvaluator();
    endings.add('evaluator', closeEvaluator);
    const pool = new Pool({
      ...connections,
      name,
      agents,
      leaseMs,
      drainMs: config.drainMs,
      tools: new ToolCaller({ ...config.tools, evaluate }),
      onReport: () => wakeups.work(['intake']),
    });
    endings.add('pool', () => pool.stop());
    await pool.start();
    const { promise: closed, resolve } = Promise.withResolvers<undefined>();
    let closing: Promise<void> | undefined;
    const close = () =>
      (closing ??= endings.run().then(() => {
        resolve(undefined);
      }));
    return { pool: name, replicaId: pool.replicaId, closed, close };
  } catch (error) {
    await endings.run();
    throw error;
  }
}

function environmentOf(options: ServePoolOptions): NodeJS.ProcessEnv {
  return {
    ...(options.pool === undefined ? {} : { SWARMBID_POOL: options.pool }),
    ...(options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl }),
    ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
  };
}

/** @throws Error that names every id which two agents share */
export function distinct(agents: readonly AgentDefinition[]): readonly AgentDefinition[] {
  const ids = agents.map((agent) => agent.id);
  const doubled = [...new Set(ids.filter((id, index) => ids.indexOf(id) !== index))];
  if (doubled.length > 0) {
    throw new MarketError(
      'INVALID_REQUEST',
      `Two agents have the same id: ${doubled.join(', ')}. Ids are unique in the market.`,
    );
  }
  return agents;
}
