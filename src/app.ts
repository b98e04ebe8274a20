/**
 * The composition root: the only file that knows how the parts are put together. Everything a part needs is handed to it.
 */
import { readFile } from 'node:fs/promises';
import {
  BUILTIN_POOL,
  builtInAgents,
  builtInSkills,
  createAgentDirectory,
  createAgentRecords,
  createToolCatalogue,
  Pool,
  thinkingBuiltInAgents,
  ToolCaller,
} from './agents/index.ts';
import {
  createApiServer,
  createAuditLog,
  createKeyService,
  createOperationsServer,
  type CachedKeyService,
} from './api/index.ts';
import { channels } from './bus/names.ts';
import { OutboxRelay } from './bus/outbox-relay.ts';
import type { Config } from './config.ts';
import { connect, Endings, type Connections } from './connections.ts';
import type { AgentDefinition } from './contracts/agent-definition.ts';
import { directoryMessageSchema } from './contracts/bus-messages.ts';
import { openDatabase } from './db/database.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './db/embedded-postgres.ts';
import { migrateToLatest } from './db/migrator.ts';
import { pingDatabase } from './db/ping.ts';
import { attachLive, type Live } from './live/index.ts';
import { createLogger, type Logger } from './observability/logger.ts';
import {
  createTaskService,
  openHandoffDesk,
  Orchestrator,
  TaskStore,
  TaskViews,
  Wakeups,
} from './orchestrator/index.ts';
import {
  createAwardPolicies,
  createFold,
  createLedgerStore,
  createReputationQueries,
  tierOf,
} from './reputation/index.ts';
import { defineAgent } from './sdk/define-agent.ts';
import { createEvaluator, createJudge, createSkillCatalogue, createSynthesis } from './synthesis/index.ts';
import { distinct, DRAIN_MS } from './serve-pool.ts';
import { isLoopbackHost } from './util/loopback.ts';

const PING_MS = 2_000;

export interface App {
  /** Starts every role of the configuration. Resolves with the URL, null where nothing listens. */
  start(): Promise<{ url: string | null }>;
  /** Drains and ends everything that `start` began, in whatever state it is; may be called twice. */
  stop(): Promise<void>;
}

export interface AppOverrides {
  /** In place of the built-in agents; empty for none. */
  agents?: readonly AgentDefinition[];
  logger?: Logger;
}

/**
 * A process of the market: its roles, its connections, its way to start and to stop.
 * @throws MarketError INVALID_REQUEST that names what is wrong with an agent
 */
export async function createApp(config: Config, overrides: AppOverrides = {}): Promise<App> {
  const logger = overrides.logger ?? createLogger(config.logLevel);
  const market = new MarketProcess(config, overrides.agents?.map(defineAgent), logger);
  return { start: () => market.start(), stop: () => market.stop() };
}

class MarketProcess {
  private readonly config: Config;
  private readonly agents: readonly AgentDefinition[] | undefined;
  private readonly logger: Logger;
  private readonly endings: Endings;
  private stopped: Promise<void> | undefined;

  constructor(config: Config, agents: readonly AgentDefinition[] | undefined, logger: Logger) {
    this.config = config;
    this.agents = agents;
    this.logger = logger;
    this.endings = new Endings(logger);
  }

  async start(): Promise<{ url: string | null }> {
    const { config } = this;
    const databaseUrl = config.databaseUrl ?? (await this.startPostgres()).url;
    await migrate(config.migrationUrl ?? databaseUrl, this.logger);
    const from = config.roles.join('-');
    const connections = await connect({ databaseUrl, redisUrl: config.redisUrl }, from, this.logger, this.endings);
    const wakeups = new Wakeups(connections.bus, this.logger);
    await wakeups.start();
    const parts = await this.parts(connections, wakeups);
    if (config.roles.includes('orchestrator')) await this.startOrchestrator(connections, wakeups, parts);
    if (config.roles.includes('agents')) await this.startPool(connections, wakeups, parts);
    return { url: await this.listen(connections, wakeups, parts) };
  }

  stop(): Promise<void> {
    return (this.stopped ??= this.endings.run());
  }

  private async startPostgres(): Promise<EmbeddedPostgres> {
    const server = await startEmbeddedPostgres({ dataDir: this.config.dataDir, logger: this.logger });
    this.endings.add('postgres', () => server.stop());
    return server;
  }

  private async parts({ db, bus, queues, metrics }: Connections, wakeups: Wakeups) {
    const { config } = this;
    const audit = createAuditLog({ db });
    const judge = createJudge();
    this.endings.add('judge', () => judge.close());
    const tell = (changed: 'agents' | 'skills' | 'keys') => () => wakeups.publish(channels.directory, { changed });
    const skills = createSkillCatalogue({ db, audit, judge, onChange: tell('skills') });
    await skills.ensureBuiltIn(builtInSkills);
    const keys = createKeyService({
      db,
      audit,
      embedded: config.databaseUrl === undefined,
      loopback: isLoopbackHost(config.host),
      adminKey: config.adminKey,
      onChange: tell('keys'),
    });
    await bus.subscribe(channels.directory, directoryMessageSchema, ({ changed }) => {
      if (changed === 'skills') skills.invalidate();
      if (changed === 'keys') keys.invalidate();
    });
    const relay = new OutboxRelay(db, queues);
    const tasks = new TaskStore({
      db,
      ledger: createLedgerStore(),
      metrics,
      dispatchMs: config.leaseMs,
      synthesisMs: config.leaseMs,
      onCommit: (summary) => {
        wakeups.events(summary.lastSeq);
        if (summary.jobs.length > 0) relay.carry(summary.jobs).catch(() => wakeups.work(['relay']));
        if (summary.revoked.length > 0) wakeups.publish(channels.revoke, { attempts: summary.revoked });
        wakeups.work([
          ...(summary.entries ? (['fold'] as const) : []),
          ...(summary.openings ? (['auction'] as const) : []),
          ...(summary.freed ? (['capacity'] as const) : []),
        ]);
      },
    });
    const policies = createAwardPolicies({ weights: config.awardWeights });
    const synthesis = createSynthesis({ skills, judge });
    return {
      relay,
      audit,
      skills,
      keys,
      tasks,
      policies,
      synthesis,
      taskService: createTaskService({
        tasks,
        synthesis,
        policies: new Set(policies.keys()),
        defaultPolicy: config.awardPolicy,
        audit,
        onSubmitted: (taskIds) => {
          wakeups.work(['auction']);
          wakeups.events(new Map(taskIds.map((taskId) => [taskId, 1])));
        },
      }),
      toolCaller: this.toolCaller(),
      onAgentsChanged: tell('agents'),
    };
  }

  private toolCaller(): ToolCaller {
    const { evaluate, close } = createEvaluator();
    this.endings.add('evaluator', close);
    return new ToolCaller({ ...this.config.tools, evaluate });
  }

  private async startOrchestrator(connections: Connections, wakeups: Wakeups, parts: Parts): Promise<void> {
    const { config } = this;
    const orchestrator = new Orchestrator({
      ...connections,
      ...parts,
      wakeups,
      fold: createFold({ db: connections.db, logger: this.logger }),
      bidWindowMs: config.bidWindowMs,
      leaseMs: config.leaseMs,
      dispatchMs: config.leaseMs,
    });
    await orchestrator.start();
    this.endings.add('orchestrator', () => orchestrator.stop());
    await openHandoffDesk({ ...connections, tasks: parts.taskService });
  }

  private async startPool(connections: Connections, wakeups: Wakeups, parts: Parts): Promise<void> {
    const agents = this.agents ?? servedBuiltIn(this.config);
    const [first] = agents;
    if (first === undefined) return;
    const pool = new Pool({
      ...connections,
      name: this.config.pool ?? (this.agents === undefined ? BUILTIN_POOL : first.id),
      agents: distinct(agents),
      leaseMs: this.config.leaseMs,
      drainMs: DRAIN_MS,
      tools: parts.toolCaller,
      onReport: () => wakeups.work(['intake']),
    });
    this.endings.add('pool', () => pool.stop());
    await pool.start();
  }

  private async listen(connections: Connections, wakeups: Wakeups, parts: Parts): Promise<string | null> {
    const { config, logger } = this;
    const { db, metrics } = connections;
    const version = await packageVersion();
    const readiness = { check: () => checkStores(connections) };
    if (!config.roles.includes('api')) {
      const server = await createOperationsServer({ services: { readiness }, logger, metrics, version });
      this.endings.add('operations server', () => server.close());
      await server.listen({ host: config.host, port: config.port });
      return null;
    }
    await refuseOpenListening(config, parts.keys);
    const views = new TaskViews(db);
    const { taskService: tasks, audit, toolCaller } = parts;
    const { leaseMs } = config;
    const reputation = createReputationQueries({ db, leaseMs });
    const agents = createAgentDirectory({ db, leaseMs, tierOf, audit, onChange: parts.onAgentsChanged });
    const server = await createApiServer({
      services: {
        tasks,
        agents,
        reputation,
        readiness,
        skills: parts.skills,
        keys: parts.keys,
        audit,
        tools: createToolCatalogue({ db, audit, caller: toolCaller }),
        records: createAgentRecords({ db, audit }),
      },
      logger,
      metrics,
      version,
    });
    this.endings.add('api', () => server.close());
    const live: Live = attachLive({
      httpServer: server.server,
      services: { tasks, keys: parts.keys, reputation },
      eventReader: {
        readMany: (positions, limit) => views.readManyEvents(positions, limit),
      },
      hints: wakeups,
      logger,
      metrics,
    });
    this.endings.add('live feed', () => live.close());
    await server.listen({ host: config.host, port: config.port });
    return urlOf(server, config.host);
  }
}

function servedBuiltIn({ model }: Config): readonly AgentDefinition[] {
  return model === undefined ? builtInAgents : thinkingBuiltInAgents(model);
}

type Parts = Awaited<ReturnType<MarketProcess['parts']>>;

async function migrate(url: string, logger: Logger): Promise<void> {
  const db = openDatabase({ url, maxConnections: 2, applicationName: 'swarmbid-migrate', logger });
  try {
    await migrateToLatest(db as never);
  } finally {
    await db.destroy();
  }
}

async function refuseOpenListening(config: Config, keys: CachedKeyService): Promise<void> {
  if (isLoopbackHost(config.host) || (await keys.adminKeyExists())) return;
  throw new Error(
    `HOST=${config.host} is not a loopback address, and no admin key exists yet: anybody could rule the market. ` +
      'Set SWARMBID_ADMIN_KEY, or start on 127.0.0.1 and run `swarmbid keys create --role admin` first.',
  );
}

async function checkStores({ db, bus }: Connections): Promise<Record<string, string | null>> {
  const [postgres, transport] = await Promise.all([
    fault(pingDatabase(db, PING_MS)),
    fault(bus.publish('ping', { at: Date.now() })),
  ]);
  return { postgres, bus: transport };
}

async function fault(check: Promise<unknown>): Promise<string | null> {
  try {
    await check;
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function urlOf(server: Awaited<ReturnType<typeof createApiServer>>, host: string): string {
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function packageVersion(): Promise<string> {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const text = await readFile(new URL(up, import.meta.url), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      continue;
    }
  }
  return '0.0.0';
}
