/**
 * The Contract Net manager's loops. Each is woken when there is work; its period is only the net under lost hints. Any
 * number of orchestrators may run: they share nothing but the store.
 */
import { directoryMessageSchema } from '../contracts/bus-messages.ts';
import type { AwardPolicy } from '../contracts/award-policy.ts';
import type { EventBus } from '../bus/event-bus.ts';
import type { JobQueues, QueueWorker } from '../bus/job-queues.ts';
import { channels } from '../bus/names.ts';
import type { OutboxRelay } from '../bus/outbox-relay.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { Loop } from '../util/loop.ts';
import { Auction } from './auction.ts';
import { settleHeldSteps } from './conditions-store.ts';
import { Intake } from './intake.ts';
import { MarketView } from './market-view.ts';
import type { ReputationFold, Synthesis } from './ports.ts';
import { Recovery } from './recovery-store.ts';
import { startSynthesizer } from './synthesizer.ts';
import type { TaskStore } from './task-store.ts';
import type { Wakeups } from './wakeups.ts';

const PERIOD_MS = 1_000;
const RECOVERY_PERIOD_MS = 500;
const ROLL_UP_PERIOD_MS = 20_000;
const RETENTION_PERIOD_MS = 60_000;
const RETRY_MS = 200;
const MAX_TOLD = 500;
/** Reputations may lag by a second: one fold of many entries costs far less than many folds. */
const FOLD_REST_MS = 500;

export interface OrchestratorOptions {
  tasks: TaskStore;
  bus: EventBus;
  queues: JobQueues;
  relay: OutboxRelay;
  wakeups: Wakeups;
  synthesis: Synthesis;
  fold: ReputationFold;
  /** Brings the roll-ups of ended tasks up to date. */
  rollUp: () => Promise<void>;
  /** Deletes some of what is past its time, and says whether there may be more; undefined: all is kept. */
  deleteOld: (() => Promise<boolean>) | undefined;
  policies: ReadonlyMap<string, AwardPolicy>;
  bidWindowMs: number;
  leaseMs: number;
  dispatchMs: number;
  logger: Logger;
  metrics: Metrics;
}

export class Orchestrator {
  private readonly options: OrchestratorOptions;
  private readonly auction: Auction;
  private readonly view: MarketView;
  private loops: Loop[] = [];
  private synthesizer: QueueWorker | undefined;
  private auctionTimer: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(options: OrchestratorOptions) {
    this.options = options;
    this.view = new MarketView(options.tasks.db, options.leaseMs);
    this.auction = new Auction({ ...options, view: this.view });
  }

  async start(): Promise<void> {
    const { bus, wakeups } = this.options;
    const auction = this.auctionLoop();
    await bus.subscribe(channels.directory, directoryMessageSchema, ({ changed }) => {
      if (changed !== 'agents') return;
      this.view.invalidate();
      this.auction.capacityFreed();
      auction.wake();
    });
    this.startIntakeLoops();
    this.startConditionsLoop();
    this.startFoldLoop();
    this.startRelayLoop();
    this.startRecoveryLoop();
    this.loop('roll-up', ROLL_UP_PERIOD_MS, this.options.rollUp);
    this.startRetentionLoop();
    wakeups.onWork('auction', () => auction.wake());
    wakeups.onWork('capacity', () => {
      this.auction.capacityFreed();
      auction.wake();
    });
    this.auction.onEnd(() => auction.wake());
    this.synthesizer = await startSynthesizer(this.options);
  }

  /** Takes no more work, and waits for what is under way. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.auctionTimer);
    await Promise.all(this.loops.map((loop) => loop.stop()));
    await this.auction.idle();
    await this.synthesizer?.close();
  }

  private auctionLoop(): Loop {
    const loop = this.loop('auction', PERIOD_MS, async () => {
      clearTimeout(this.auctionTimer);
      const dueMs = await this.auction.run();
      if (dueMs !== null && dueMs < PERIOD_MS && !this.stopping) {
        this.auctionTimer = setTimeout(() => loop.wake(), Math.max(1, dueMs + 1));
      }
    });
    return loop;
  }

  private startIntakeLoops(): void {
    const loops = (['plain', 'ruled'] as const).map((lane) => {
      const intake = new Intake({ ...this.options, lane });
      return this.loop(`intake ${lane}`, PERIOD_MS, () => intake.run());
    });
    this.options.wakeups.onWork('intake', () => {
      for (const loop of loops) loop.wake();
    });
  }

  private startConditionsLoop(): void {
    const loop = this.loop('conditions', PERIOD_MS, () => settleHeldSteps(this.options));
    this.options.wakeups.onWork('conditions', () => loop.wake());
  }

  private startRelayLoop(): void {
    const { relay } = this.options;
    const loop = this.loop('relay', PERIOD_MS, () => relay.run());
    this.options.wakeups.onWork('relay', () => loop.wake());
  }

  private startRecoveryLoop(): void {
    const recovery = new Recovery({ ...this.options, onJobs: () => this.options.wakeups.work(['relay']) });
    this.loop('recovery', RECOVERY_PERIOD_MS, () => recovery.run());
  }

  private startRetentionLoop(): void {
    const { deleteOld } = this.options;
    if (deleteOld === undefined) return;
    this.loop('retention', RETENTION_PERIOD_MS, async () => {
      while (!this.stopping && (await deleteOld()));
    });
  }

  private startFoldLoop(): void {
    const loop = this.loop('fold', PERIOD_MS, () => this.fold(), FOLD_REST_MS);
    this.options.wakeups.onWork('fold', () => loop.wake());
  }

  /** Folds what is new, then tells what is folded as events of the tasks it came from. */
  private async fold(): Promise<void> {
    const { fold, tasks } = this.options;
    for (;;) {
      const folded = await fold.foldOnce();
      const untold = await fold.untold(MAX_TOLD);
      if (folded.length + untold.length === 0) return;
      await tasks.transact([...new Set(untold.map((entry) => entry.taskId))], async (_locked, trx) => {
        const fresh = await fold.markTold(
          trx,
          untold.map((entry) => entry.foldSeq),
        );
        return {
          commands: untold
            .filter((entry) => fresh.has(entry.foldSeq))
            .map(({ taskId, ...change }) => ({ taskId, command: { kind: 'record_reputation', change } })),
        };
      });
    }
  }

  private loop(name: string, periodMs: number, body: () => Promise<void>, restMs = 0): Loop {
    const loop = new Loop(body, {
      periodMs,
      retryMs: RETRY_MS,
      restMs,
      onError: (error, failures) =>
        this.options.logger.warn({ err: error, loop: name, failures }, 'a loop failed and will try again'),
    });
    this.loops.push(loop);
    return loop;
  }
}
