/**
 * The composition root: the only file that knows how the parts are put together. Everything a part needs is handed to it.
 */
import {
  BUILTIN_POOL,
  builtInAgents,
  builtInSkills,
  createAgentDirectory,
  createAgentRecords,
  createToolCatalogue,
  listPools,
  Pool,
  thinkingBuiltInAgents,
  ToolCaller,
} from './agents/index.ts';
import {
  BacklogGate,
  closeServer,
  createApiServer,
  createAuditLog,
  createKeyService,
  createOperationsServer,
  stopAccepting,
} from './api/index.ts';
import { createRedisCounts, type RedisCounts } from './bus/index.ts';
import { channels, SYNTHESIS_QUEUE, workQueue } from './bus/names.ts';
import { OutboxRelay } from './bus/outbox-relay.ts';
import type { Config } from './config.ts';
import { connect, Endings, type Connections } from './connections.ts';
import type { AgentDefinition } from './contracts/agent-definition.ts';
import { directoryMessageSchema } from './contracts/bus-messages.ts';
import type { Database, DatabaseRole } from './db/database.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './db/embedded-postgres.ts';
import { migrateWhenUp } from './migrate.ts';
import { refuseOpenListening } from './open-listening.ts';
import { packageVersion } from './package-version.ts';
import { checkStores } from './readiness.ts';
import { OwnedDatabase } from './db/owned-database.ts';
import { createLogger, type Logger } from './observability/logger.ts';
import { exposeMarketFigures } from './observability/market-figures.ts';
import { startTracing } from './observability/tracing.ts';
import {
  createOwnerData,
  createTaskService,
  deleteOldTasks,
  openHandoffDesk,
  Orchestrator,
  readBacklog,
  TaskStore,
  TaskViews,
  Wakeups,
} from './orchestrator/index.ts';
import {
  createAwardPolicies,
  createFold,
  createLedgerStore,
  createReputationQueries,
  rollUpTasks,
  tierOf,
} from './reputation/index.ts';
import { defineAgent } from './sdk/define-agent.ts';
import { createEvaluator, createJudge, createSkillCatalogue, createSynthesis } from './synthesis/index.ts';
import { distinct } from './serve-pool.ts';
import { armCrashPoint } from './util/crash-point.ts';
import { isLoopbackHost } from './util/loopback.ts';

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
    armCrashPoint(config.crashAt);
    await this.startTracing();
    const databaseUrl = config.databaseUrl ?? (await this.startPostgres()).url;
    await migrateWhenUp(config.migrationUrl ?? databaseUrl, this.logger);
    const { redisUrl, poolSecret, leaseMs } = config;
    const stores = { databaseUrl, redisUrl, poolSecret, leaseMs };
    const connections = await connect(stores, this.identity(), this.logger, this.endings);
    const wakeups = new Wakeups(connections.bus, this.logger);
    await wakeups.start();
    const parts = await this.parts(connections, wakeups);
    // Built first, so that it ends last: watchers are told what the others do while they drain.
    const server = config.roles.includes('api')
      ? await this.buildApi(connections, wakeups, parts)
      : await this.buildOperations(connections);
    if (config.roles.includes('orchestrator')) await this.startOrchestrator(connections, wakeups, parts);
    if (config.roles.includes('agents')) await this.startPool(connections, wakeups, parts);
    await server.listen({ host: config.host, port: config.port });
    this.endings.add('doors', () => stopAccepting(server, config.drainMs));
    return { url: config.roles.includes('api') ? urlOf(server, config) : null };
  }

  private async startTracing(): Promise<void> {
    const { logger } = this;
    const { tracing } = this.config;
    if (tracing === undefined) return;
    this.endings.add('traces', await startTracing({ ...tracing, version: packageVersion(), logger }));
  }

  stop(): Promise<void> {
    return (this.stopped ??= this.endings.run());
  }

  private servesPoolOnly(): boolean {
    return this.config.roles.every((role) => role === 'agents');
  }

  /** A process that only serves a pool speaks as that, and has no other rights. */
  private identity(): { from: string; role: DatabaseRole } {
    const { roles } = this.config;
    const pool = this.poolName();
    if (this.servesPoolOnly()) return { from: pool, role: { pool } };
    return { from: `market:${roles.join('-')}`, role: roles.includes('orchestrator') ? 'orchestrator' : 'api' };
  }

  private poolName(): string {
    return this.config.pool ?? this.agents?.[0]?.id ?? BUILTIN_POOL;
  }

  private async startPostgres(): Promise<EmbeddedPostgres> {
    const server = await startEmbeddedPostgres({ dataDir: this.config.dataDir, logger: this.logger });
    this.endings.add('postgres', () => server.stop());
    return server;
  }

  private async parts({ db, as, bus, queues, metrics }: Connections, wakeups: Wakeups) {
    const { config } = this;
    const judge = createJudge();
    this.endings.add('judge', () => judge.close());
    const tell = (changed: 'agents' | 'skills' | 'keys') => () => wakeups.publish(channels.directory, { changed });
    // only the API changes records, and tells the audit trail
    const skillsDb = config.roles.includes('api') ? as('api') : db;
    const skills = createSkillCatalogue({ db: skillsDb, judge, onChange: tell('skills') });
    if (!this.servesPoolOnly()) await skills.ensureBuiltIn(builtInSkills);
    const keysChanged: (() => void)[] = [];
    const keys = createKeyService({
      db: as('api'),
      embedded: config.databaseUrl === undefined,
      loopback: isLoopbackHost(config.host),
      adminKey: config.adminKey,
      onChange: () => {
        keysChanged.forEach((listener) => listener());
        tell('keys')();
      },
    });
    await bus.subscribe(channels.directory, directoryMessageSchema, ({ changed }) => {
      if (changed === 'skills') skills.invalidate();
      if (changed !== 'keys') return;
      keys.invalidate();
      keysChanged.forEach((listener) => listener());
    });
    const relay = new OutboxRelay(db, queues);
    const tasksOn = (database: Database) => this.taskStore({ db: database, metrics }, relay, wakeups);
    const policies = createAwardPolicies({ weights: config.awardWeights });
    const synthesis = createSynthesis({ skills, judge });
    return {
      relay,
      skills,
      keys,
      tasksOn,
      policies,
      synthesis,
      taskServiceOn: (owned: OwnedDatabase, database: Database) =>
        createTaskService({
          db: owned,
          tasks: tasksOn(database),
          synthesis,
          policies: new Set(policies.keys()),
          defaultPolicy: config.awardPolicy,
          onSubmitted: (taskIds, conditions) => {
            wakeups.work(conditions ? ['auction', 'conditions'] : ['auction']);
            wakeups.events(new Map(taskIds.map((taskId) => [taskId, 1])));
          },
        }),
      toolCaller: this.toolCaller(),
      onAgentsChanged: tell('agents'),
      onKeysChanged: (listener: () => void) => void keysChanged.push(listener),
    };
  }

  private taskStore(
    { db, metrics }: Pick<Connections, 'db' | 'metrics'>,
    relay: OutboxRelay,
    wakeups: Wakeups,
  ): TaskStore {
    const { leaseMs } = this.config;
    return new TaskStore({
      db,
      ledger: createLedgerStore(),
      metrics,
      dispatchMs: leaseMs,
      synthesisMs: leaseMs,
      onCommit: (summary) => {
        wakeups.events(summary.lastSeq, summary.eventsOf);
        if (summary.jobs.length > 0) relay.carry(summary.jobs).catch(() => wakeups.work(['relay']));
        if (summary.revoked.length > 0) wakeups.publish(channels.revoke, { attempts: summary.revoked });
        wakeups.work([
          ...(summary.entries ? (['fold'] as const) : []),
          ...(summary.openings ? (['auction'] as const) : []),
          ...(summary.conditions ? (['conditions'] as const) : []),
          ...(summary.freed ? (['capacity'] as const) : []),
        ]);
      },
    });
  }

  private toolCaller(): ToolCaller {
    const { evaluate, close } = createEvaluator();
    this.endings.add('evaluator', close);
    return new ToolCaller({ ...this.config.tools, evaluate });
  }

  private async startOrchestrator(connections: Connections, wakeups: Wakeups, parts: Parts): Promise<void> {
    const { config } = this;
    const { retentionDays } = config;
    const orchestrator = new Orchestrator({
      ...connections,
      ...parts,
      tasks: parts.tasksOn(connections.db),
      wakeups,
      fold: createFold({ db: connections.db, logger: this.logger }),
      rollUp: () => rollUpTasks(connections.as('orchestrator', 'free')),
      deleteOld:
        retentionDays === undefined ? undefined : () => deleteOldTasks(connections.as('keeper'), retentionDays),
      bidWindowMs: config.bidWindowMs,
      leaseMs: config.leaseMs,
      dispatchMs: config.leaseMs,
    });
    await orchestrator.start();
    this.endings.add('orchestrator', () => orchestrator.stop());
    const { db } = connections;
    // of whatever owner the attempt is that hands its work on
    await openHandoffDesk({ ...connections, tasks: parts.taskServiceOn(new OwnedDatabase(db, db), db) });
  }

  private async startPool(connections: Connections, wakeups: Wakeups, parts: Parts): Promise<void> {
    const agents = this.agents ?? servedBuiltIn(this.config);
    if (agents.length === 0) return;
    const name = this.poolName();
    const pool = new Pool({
      ...connections,
      db: connections.as({ pool: name }),
      bus: connections.bus.as(name),
      name,
      agents: distinct(agents),
      leaseMs: this.config.leaseMs,
      drainMs: this.config.drainMs,
      tools: parts.toolCaller,
      onReport: () => wakeups.work(['intake']),
    });
    this.endings.add('pool', () => pool.stop());
    await pool.start();
  }

  private async buildOperations(connections: Connections): Promise<Server> {
    const { logger } = this;
    const { tls } = this.config;
    const readiness = { check: () => checkStores(connections) };
    const { metrics } = connections;
    const version = packageVersion();
    const server = await createOperationsServer({ services: { readiness }, logger, metrics, version, tls });
    this.endings.add('operations server', () => closeServer(server));
    return server;
  }

  private async buildApi(connections: Connections, wakeups: Wakeups, parts: Parts): Promise<Server> {
    const { config, logger } = this;
    const { as, metrics } = connections;
    const readiness = { check: () => checkStores(connections) };
    await refuseOpenListening(config, parts.keys);
    const owned = new OwnedDatabase(as('api'), as('api for all owners'));
    const views = new TaskViews(owned);
    const tasks = parts.taskServiceOn(owned, as('api'));
    const { leaseMs } = config;
    const reputation = createReputationQueries({ db: as('api for all owners', 'free'), owned, leaseMs });
    exposeMarketFigures(metrics.registry, (windowMs) => reputation.stats(windowMs));
    const agents = createAgentDirectory({ db: owned.everyOwner, leaseMs, tierOf, onChange: parts.onAgentsChanged });
    const server = await createApiServer({
      services: {
        tasks,
        agents,
        reputation,
        readiness,
        skills: parts.skills,
        keys: parts.keys,
        audit: createAuditLog({ db: as('api') }),
        tools: createToolCatalogue({ db: as('api'), caller: parts.toolCaller }),
        records: createAgentRecords({ db: owned }),
        ownerData: createOwnerData({
          db: as('keeper'),
          tasks: parts.tasksOn(owned.everyOwner),
          revokeKeys: (principal, ownerId) => parts.keys.revokeAllOf(principal, ownerId),
        }),
      },
      logger,
      metrics,
      openQueues: async () =>
        connections.queues.open([SYNTHESIS_QUEUE, ...(await listPools(as('api'))).map((pool) => workQueue(pool))]),
      version: packageVersion(),
      tls: config.tls,
      limits: config.limits,
      gate: await this.openGate(connections),
      counts: this.openCounts(),
      corsOrigins: config.corsOrigins,
      trustedProxies: config.trustedProxies,
    });
    this.endings.add('api', () => closeServer(server));
    // loaded here alone: a process without the API does without its memory
    const { attachLive } = await import('./live/index.ts');
    const live = attachLive({
      httpServer: server.server,
      services: { tasks, keys: parts.keys, reputation },
      eventReader: {
        readMany: (positions, limit) => views.readManyEvents(positions, limit),
      },
      hints: wakeups,
      logger,
      metrics,
      origins: config.corsOrigins,
    });
    this.endings.add('live feed', () => live.close());
    parts.onKeysChanged(() => live.recheckKeys());
    return server;
  }

  private async openGate({ as, metrics }: Connections): Promise<BacklogGate> {
    const { limits } = this.config;
    const gate = new BacklogGate({
      read: () => readBacklog(as('api for all owners')),
      limits,
      logger: this.logger,
      metrics,
    });
    this.endings.add('backlog gate', async () => {
      gate.close();
    });
    await gate.start();
    return gate;
  }

  private openCounts(): RedisCounts | undefined {
    const { redisUrl } = this.config;
    if (redisUrl === undefined) return undefined;
    const counts = createRedisCounts(redisUrl, this.logger);
    this.endings.add('counts', () => counts.close());
    return counts;
  }
}

type Server = Awaited<ReturnType<typeof createApiServer>>;

function servedBuiltIn({ model }: Config): readonly AgentDefinition[] {
  return model === undefined ? builtInAgents : thinkingBuiltInAgents(model);
}

type Parts = Awaited<ReturnType<MarketProcess['parts']>>;

function urlOf(server: Server, { host, tls }: Config): string {
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
