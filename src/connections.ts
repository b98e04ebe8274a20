import {
  createJobQueues,
  createPostgresEventBus,
  createRedisEventBus,
  type EventBus,
  type JobQueues,
} from './bus/index.ts';
import { openDatabase, type Database } from './db/database.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics, type Metrics } from './observability/metrics.ts';

const CONNECTIONS = 12;
const REPORT_CONNECTIONS = 4;

/** What a process is connected to. */
export interface Connections {
  db: Database;
  /** For queries over many rows: they get plans of their own, and cannot take the connections that work needs. */
  reports: Database;
  bus: EventBus;
  queues: JobQueues;
  logger: Logger;
  metrics: Metrics;
}

/** Opens a process's connections; `ending` closes them. */
export async function connect(
  config: { databaseUrl: string; redisUrl: string | undefined },
  from: string,
  logger: Logger,
  ending: Endings,
): Promise<Connections> {
  const metrics = createMetrics();
  const { databaseUrl, redisUrl } = config;
  const of = { url: databaseUrl, applicationName: `swarmbid-${from}`, logger };
  const db = openDatabase({ ...of, maxConnections: CONNECTIONS });
  ending.add('database', () => db.destroy());
  const reports = openDatabase({ ...of, maxConnections: REPORT_CONNECTIONS, statements: 'free' });
  ending.add('database for reports', () => reports.destroy());
  const bus =
    redisUrl === undefined
      ? await createPostgresEventBus({ databaseUrl, db, from, logger, metrics })
      : await createRedisEventBus({ redisUrl, from, logger, metrics });
  ending.add('bus', () => bus.close());
  const queues = createJobQueues(redisUrl === undefined ? { databaseUrl } : { redisUrl }, logger);
  ending.add('queues', () => queues.close());
  return { db, reports, bus, queues, logger, metrics };
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
