import {
  busKeys,
  createJobQueues,
  createPostgresEventBus,
  createRedisEventBus,
  readBusSecret,
  type BusKeys,
  type EventBus,
  type JobQueues,
} from './bus/index.ts';
import { openDatabase, type Database, type DatabaseRole } from './db/database.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics, type Metrics } from './observability/metrics.ts';

const CONNECTIONS = 12;
const REPORT_CONNECTIONS = 4;

/** What a process is connected to. */
export interface Connections {
  /** With the rights of the process's own role. */
  db: Database;
  /**
   * A database with the rights of `role`, which connects when it is used. `free`: for queries over many rows; they get plans of
   * their own, and cannot take the connections that work needs.
   */
  as: (role: DatabaseRole, statements?: 'free') => Database;
  bus: EventBus;
  queues: JobQueues;
  logger: Logger;
  metrics: Metrics;
}

/** Where a process finds its stores, what it signs with, and after what time without a sign of life its work is lost. */
export interface Stores {
  databaseUrl: string;
  redisUrl: string | undefined;
  poolSecret: string | undefined;
  leaseMs: number;
}

/** Opens a process's connections, on which it speaks as `from`, of `role`; `ending` closes them. */
export async function connect(
  stores: Stores,
  { from, role }: { from: string; role: DatabaseRole },
  logger: Logger,
  ending: Endings,
): Promise<Connections> {
  const metrics = createMetrics();
  const { databaseUrl, redisUrl } = stores;
  const opened = new Map<string, Database>();
  const as = (wanted: DatabaseRole, statements: 'keyed' | 'free' = 'keyed'): Database => {
    const name = `${JSON.stringify(wanted)} ${statements}`;
    const known = opened.get(name);
    if (known !== undefined) return known;
    const maxConnections = statements === 'free' ? REPORT_CONNECTIONS : CONNECTIONS;
    const applicationName = `swarmbid-${from}`;
    const database = openDatabase({
      url: databaseUrl,
      role: wanted,
      applicationName,
      maxConnections,
      statements,
      logger,
    });
    opened.set(name, database);
    ending.add('database', () => database.destroy());
    return database;
  };
  const db = as(role);
  const keys = await keysOf(stores, db, logger);
  const speaking = { from, keys, logger, metrics };
  const bus =
    redisUrl === undefined
      ? await createPostgresEventBus({ databaseUrl, db, ...speaking })
      : await createRedisEventBus({ redisUrl, ...speaking });
  ending.add('bus', () => bus.close());
  const queues = createJobQueues(redisUrl === undefined ? { databaseUrl } : { redisUrl }, {
    ...speaking,
    leaseMs: stores.leaseMs,
  });
  ending.add('queues', () => queues.close());
  return { db, as, bus, queues, logger, metrics };
}

async function keysOf({ poolSecret, redisUrl }: Stores, db: Database, logger: Logger): Promise<BusKeys> {
  if (poolSecret !== undefined) return busKeys(poolSecret);
  if (redisUrl !== undefined)
    logger.warn(
      'POOL_SECRET is unset: messages are signed by the secret that the database keeps, which every pool can read',
    );
  return busKeys(await readBusSecret(db));
}

/** What has been started, ended in the opposite order; one that fails does not keep the others from ending. */
export class Endings {
  private readonly logger: Logger;
  private steps: { name: string; end: () => Promise<void> }[] = [];

  constructor(logger: Logger) {
    this.logger = logger;
  }

  add(name: string, end: () => Promise<void>): void {
    this.steps.push({ name, end });
  }

  async run(): Promise<void> {
    const steps = this.steps.reverse();
    this.steps = [];
    for (const { name, end } of steps) {
      await end().catch((error: unknown) => this.logger.warn({ err: error, part: name }, 'a part did not end cleanly'));
    }
  }
}
