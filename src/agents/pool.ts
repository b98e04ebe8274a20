/**
 * Serves many agents from one process: a replica of a pool.
 *
 *  1. One message answers an announcement for all agents (`BidDesk`).
 *  2. A job is a hint. Work begins only with a claim in PostgreSQL, which one process gets once for each (subtask, epoch).
 *  3. While work runs, its lease is prolonged at every heartbeat. A process that cannot reach the store for most of a
 *     lease (`mustFence`) stops all its work by itself: somebody else may have it by then.
 *  4. An attempt that is closed (cancelled, lost, overtaken) is aborted; what it still delivers is recorded and ignored.
 *  5. An agent that runs over its time is told so by its signal, and its attempt ends as timed out whether it obeys or not.
 *  6. `stop` takes no more work, waits for what runs, at most `drainMs`, and then leaves the market.
 */
import { announceMessageSchema, directoryMessageSchema, revokeMessageSchema } from '../contracts/bus-messages.ts';
import type { AgentDefinition } from '../contracts/agent-definition.ts';
import { DEFAULT_CAPACITY } from '../contracts/agent.ts';
import type { EventBus, Subscription } from '../bus/event-bus.ts';
import type { JobQueues, QueueWorker } from '../bus/job-queues.ts';
import { channels, workQueue } from '../bus/names.ts';
import type { Database } from '../db/database.ts';
import type { Logger } from '../observability/logger.ts';
import { inParts } from '../util/in-parts.ts';
import { Loop } from '../util/loop.ts';
import { uuidv7 } from '../util/uuid.ts';
import { BidDesk } from './bidding.ts';
import { mustFence } from './core/lease.ts';
import { healthFault } from './core/process-health.ts';
import { prolongLeases } from './attempt-store.ts';
import { MarketAccess } from './market-access.ts';
import { Messenger } from './messenger.ts';
import { watchProcess } from './process-readings.ts';
import { joinMarket, leaveMarket, readRegistered, writeHeartbeat } from './replica-store.ts';
import type { ToolCaller } from './tools/tool-caller.ts';
import { Workbench } from './workbench.ts';

const MAX_CONCURRENCY = 1_000;
const HEALTH_LIMIT_MS = 1_000;
const RETRY_MS = 250;
/** About so many bytes to one message of bids; a single longer answer goes as it is. */
const REPLY_BYTES = 1024 * 1024;

export interface PoolOptions {
  name: string;
  agents: readonly AgentDefinition[];
  db: Database;
  bus: EventBus;
  queues: JobQueues;
  leaseMs: number;
  /** How long `stop` waits for work that runs. */
  drainMs: number;
  /** Carries out the tools that are data. */
  tools: ToolCaller;
  logger: Logger;
  /** Says that attempts have changed. */
  onReport: () => void;
}

export class Pool {
  readonly replicaId: string;
  private readonly options: PoolOptions;
  private readonly unhealthyAgents = new Set<string>();
  private readonly readings = watchProcess();
  private readonly workbench: Workbench;
  private readonly messenger: Messenger;
  private readonly desk: BidDesk;
  private subscriptions: Subscription[] = [];
  private worker: QueueWorker | undefined;
  private heart: Loop | undefined;
  private processFault: string | null = null;
  private lastBeatAt = performance.now();
  private toldHealth = 'true';
  private fence: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions) {
    this.options = options;
    // no pool's name has a dot: the channel of a replica tells whose it is
    this.replicaId = `${options.name}.${uuidv7()}`;
    this.messenger = new Messenger({ ...options, replicaId: this.replicaId });
    this.workbench = new Workbench({
      ...options,
      replicaId: this.replicaId,
      messenger: this.messenger,
      market: new MarketAccess(options),
    });
    this.desk = new BidDesk(options.agents, (agentId) => ({
      loadPercent: this.workbench.loadPercent(agentId),
      healthy: this.processFault === null && !this.unhealthyAgents.has(agentId),
    }));
  }

  /** Registers, listens, and takes work. @throws MarketError CONFLICT naming what is wrong with the agents */
  async start(): Promise<void> {
    const { db, bus, queues, name, agents, leaseMs } = this.options;
    await joinMarket(db, { id: this.replicaId, pool: name }, agents.map(cardOf), leaseMs);
    this.subscriptions = [
      await bus.subscribe(channels.announce, announceMessageSchema, async ({ announcements }, message) => {
        const answers = await Promise.all(announcements.map((one) => this.desk.answer(one)));
        const parts = inParts(
          answers,
          (answer) => 200 + 120 * (answer.bids.length + answer.passes.length),
          REPLY_BYTES,
        );
        for (const [index, part] of parts.entries()) {
          await message.reply({
            pool: name,
            replicaId: this.replicaId,
            answers: part,
            last: index === parts.length - 1,
          });
        }
      }),
      await bus.subscribe(channels.directory, directoryMessageSchema, async ({ changed }) => {
        if (changed === 'agents') await this.readCards();
      }),
      await bus.subscribe(channels.revoke, revokeMessageSchema, ({ attempts }) => this.workbench.revoke(attempts)),
      await this.messenger.listen(),
    ];
    bus.onReconnect(() => {
      this.heart?.wake();
      void this.readCards();
    });
    const slots = agents.reduce((sum, agent) => sum + (agent.capacity ?? DEFAULT_CAPACITY), 0);
    this.worker = await queues.work(workQueue(name), Math.min(slots, MAX_CONCURRENCY), async (job) => {
      if (job.kind === 'subtask') await this.workbench.run(job);
    });
    this.heart = new Loop(() => this.beat(), {
      periodMs: Math.max(100, leaseMs / 3),
      retryMs: Math.min(RETRY_MS, leaseMs / 10),
      onError: (error, failures) =>
        this.options.logger.warn({ err: error, failures }, 'a heartbeat did not reach the store'),
    });
    this.fence = setInterval(() => this.checkFence(), leaseMs / 10);
    await this.sayDirectoryChanged();
  }

  /** Invariant 6. */
  async stop(): Promise<void> {
    const { db, drainMs } = this.options;
    for (const subscription of this.subscriptions.slice(0, 1)) await subscription.unsubscribe();
    const drained = Promise.all([this.worker?.close(), this.workbench.idle()]);
    await Promise.race([drained, this.abortAfter(drainMs)]);
    await this.workbench.flush();
    for (const subscription of this.subscriptions.slice(1)) await subscription.unsubscribe();
    await this.heart?.stop();
    clearInterval(this.fence);
    this.readings.stop();
    await leaveMarket(db, this.replicaId).catch((error: unknown) =>
      this.options.logger.debug({ err: error }, 'left without saying so'),
    );
    await this.sayDirectoryChanged();
  }

  private async abortAfter(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms).unref());
    this.workbench.handBackAll('the process is stopping');
  }

  private async beat(): Promise<void> {
    const { db, leaseMs, name } = this.options;
    const readings = this.readings.read();
    this.processFault = healthFault(readings);
    const unhealthyAgents = [...this.unhealthyAgents].sort();
    const [closed] = await Promise.all([
      prolongLeases(db, this.workbench.running(), leaseMs),
      writeHeartbeat(
        db,
        { id: this.replicaId, pool: name },
        { ...readings, fault: this.processFault, unhealthyAgents },
      ),
    ]);
    this.lastBeatAt = performance.now();
    this.workbench.revoke(closed);
    await this.tellHealth([this.processFault === null, ...unhealthyAgents].join());
    // After the leases: an agent that takes its time over its health costs the others nothing.
    await this.askAgents();
  }

  /** Orchestrators wait for no agent that is not well, so they are told when that changes. */
  private async tellHealth(health: string): Promise<void> {
    if (health === this.toldHealth) return;
    this.toldHealth = health;
    await this.sayDirectoryChanged();
  }

  /** Invariant 3: by a timer of its own, since a heartbeat may hang. */
  private checkFence(): void {
    if (!mustFence(performance.now() - this.lastBeatAt, this.options.leaseMs)) return;
    this.workbench.giveUpAll('the store cannot be reached, so the lease may be lost');
  }

  private async askAgents(): Promise<void> {
    await Promise.all(
      this.options.agents.map(async (agent) => {
        if (agent.health === undefined) return;
        if (await isHealthy(agent)) this.unhealthyAgents.delete(agent.id);
        else this.unhealthyAgents.add(agent.id);
      }),
    );
  }

  /** An admin may give a served agent other skills or domains than its code names, until it joins again. */
  private async readCards(): Promise<void> {
    try {
      this.desk.update(await readRegistered(this.options.db, this.options.name));
    } catch (error) {
      this.options.logger.warn({ err: error }, 'what is registered of the agents could not be read');
    }
  }

  private async sayDirectoryChanged(): Promise<void> {
    await this.options.bus
      .publish(channels.directory, { changed: 'agents' })
      .catch((error: unknown) => this.options.logger.debug({ err: error }, 'could not say that the pool changed'));
  }
}

function cardOf(agent: AgentDefinition) {
  return {
    id: agent.id,
    name: agent.name ?? agent.id,
    skills: agent.skills,
    domains: agent.domains ?? [],
    capacity: agent.capacity ?? DEFAULT_CAPACITY,
  };
}

async function isHealthy(agent: AgentDefinition): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), HEALTH_LIMIT_MS);
  });
  try {
    return (await Promise.race([Promise.resolve(agent.health?.()), late])) !== false;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
