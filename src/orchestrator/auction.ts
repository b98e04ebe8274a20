/**
 * The auction: from the board to awards.
 *
 * One pass takes due openings that can be served, writes a round for each (`announce`), says so on the bus in one message,
 * collects one answer from every live pool process until all have answered or the bid window has closed, and awards in one
 * transaction. Several passes may be under way at once; an opening is in one of them only, because taking it hides it.
 *
 *  1. Nothing here is a fact until a transaction has committed: a pass that dies leaves its openings hidden for
 *     `HOLD_MS` beyond the window, then another orchestrator announces them again.
 *  2. A process that let a window pass in silence is not waited for over the next `SILENCE_MS`, or until it answers something;
 *     its answers still count.
 *  3. The market's own records decide in the end: bids are judged under the lock of the bidders' rows.
 */
import { bidsMessageSchema, type BidsMessage } from '../contracts/bus-messages.ts';
import type { AwardPolicy } from '../contracts/award-policy.ts';
import type { Announcement } from '../contracts/bid.ts';
import type { EventBus } from '../bus/event-bus.ts';
import { channels } from '../bus/names.ts';
import type { Logger } from '../observability/logger.ts';
import { startSpan, type TraceSpan } from '../observability/tracing.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { KnownAgent } from './core/eligibility.ts';
import type { LockedTask } from './core/attempts.ts';
import type { TaskRecord } from './core/task-record.ts';
import { announcementOf, answersByRound, closeRoundCommand, roundKey } from './core/closing.ts';
import { Patience } from './core/patience.ts';
import type { MergedReply } from './core/round.ts';
import type { MarketView } from './market-view.ts';
import { agentLocks, knownAgents } from './market-rows-store.ts';
import {
  countAnnounced,
  listNeeds,
  nextDueMs,
  takeOpenings,
  type Need,
  type TakenOpening,
  type TakeRequest,
} from './opening-store.ts';
import type { Plan, PlannedCommand, TaskStore } from './task-store.ts';

/** An opening stays hidden so long beyond the bid window, or a lease if that is shorter, in case this process dies with it. */
const HOLD_MS = 5_000;
/** Openings in one announce message. */
const MAX_BATCH = 100;
/** Passes under way at once. */
const MAX_PASSES = 2;
/** Of a need that nobody can serve now, this many are announced at once; the rest wait unannounced. */
const ANNOUNCED_WAITING = 100;

export interface AuctionOptions {
  tasks: TaskStore;
  view: MarketView;
  bus: EventBus;
  policies: ReadonlyMap<string, AwardPolicy>;
  bidWindowMs: number;
  leaseMs: number;
  logger: Logger;
  metrics: Metrics;
}

interface OpenRound {
  opening: TakenOpening;
  announcement: Announcement;
  /** From the announcement to the award. */
  span: TraceSpan;
}

interface Collected {
  replies: BidsMessage[];
  silentPools: string[];
}

export class Auction {
  private readonly options: AuctionOptions;
  private readonly patience = new Patience();
  private readonly passes = new Set<Promise<void>>();
  /** Openings by need that are in a pass. */
  private readonly underway = new Map<string, number>();
  private freed = false;
  /** The last look was cut short, or the passes were all busy. */
  private moreWaits = false;
  private onPassEnd: () => void = () => undefined;

  constructor(options: AuctionOptions) {
    this.options = options;
  }

  /** Capacity was freed or a pool joined: what waits for that is due. */
  capacityFreed(): void {
    this.freed = true;
  }

  /** Called whenever a pass has ended: there may be more to take. */
  onEnd(listener: () => void): void {
    this.onPassEnd = listener;
  }

  /** Starts passes for what is due. Returns in how long the next opening falls due; null if none waits for a time. */
  async run(): Promise<number | null> {
    while (this.passes.size < MAX_PASSES) {
      const freed = this.freed;
      this.freed = false;
      const taken = await this.take(freed);
      if (taken.length > 0) this.begin(taken);
      if (taken.length < MAX_BATCH) return nextDueMs(this.options.tasks.db);
      // What was cut off is as due as what was taken.
      this.freed ||= freed;
    }
    this.moreWaits = true;
    return null;
  }

  private begin(taken: TakenOpening[]): void {
    this.countUnderway(taken, 1);
    const pass: Promise<void> = this.pass(taken)
      .catch((error: unknown) => {
        this.options.logger.error({ err: error }, 'an auction pass failed; its openings fall due again');
        return false;
      })
      .then((allAwarded) => {
        this.passes.delete(pass);
        this.countUnderway(taken, -1);
        // A pass that awarded everything leaves nothing to look for: whoever opens more wakes the auction by itself.
        if (allAwarded && !this.moreWaits) return;
        this.moreWaits = false;
        this.onPassEnd();
      });
    this.passes.add(pass);
  }

  async idle(): Promise<void> {
    await Promise.all(this.passes);
  }

  private async take(parkedToo: boolean): Promise<TakenOpening[]> {
    const { tasks, bidWindowMs, leaseMs } = this.options;
    const { db } = tasks;
    const [needs] = await Promise.all([listNeeds(db), this.options.view.refresh(performance.now())]);
    const requests = await Promise.all(needs.map((need) => this.requestFor(need, parkedToo)));
    const open = requests.filter((request) => request !== null);
    return takeOpenings(db, open, { holdMs: bidWindowMs + Math.min(HOLD_MS, leaseMs), limit: MAX_BATCH });
  }

  private async requestFor({ need, ...of }: Need, freed: boolean): Promise<TakeRequest | null> {
    const prospect = this.options.view.prospect({ need, ...of });
    if (prospect.kind === 'incapable') return { need, limit: MAX_BATCH, onlyNew: false, parkedToo: false };
    if (prospect.kind === 'open') {
      // Slots that a pass under way is about to award are not free.
      const limit = Math.min(MAX_BATCH, prospect.slots - (this.underway.get(need) ?? 0));
      return limit <= 0 ? null : { need, limit, onlyNew: false, parkedToo: freed };
    }
    const announced = await countAnnounced(this.options.tasks.db, need, ANNOUNCED_WAITING);
    const limit = ANNOUNCED_WAITING - announced;
    return limit <= 0 ? null : { need, limit, onlyNew: true, parkedToo: false };
  }

  private countUnderway(taken: readonly TakenOpening[], change: 1 | -1): void {
    for (const { need } of taken) {
      const count = (this.underway.get(need) ?? 0) + change;
      if (count === 0) this.underway.delete(need);
      else this.underway.set(need, count);
    }
  }

  /** True if every opening was awarded. */
  private async pass(taken: TakenOpening[]): Promise<boolean> {
    const rounds: OpenRound[] = [];
    try {
      const allAwarded = await this.hold(taken, rounds);
      for (const { span } of rounds) span.end();
      return allAwarded;
    } catch (error) {
      for (const { span } of rounds) span.end(error);
      throw error;
    }
  }

  private async hold(taken: TakenOpening[], rounds: OpenRound[]): Promise<boolean> {
    let collecting: Promise<Collected> | undefined;
    // The announcement is a hint: it goes out while its round is being committed. If that fails, so does the pass.
    await this.announce(taken, rounds, () => {
      if (rounds.length > 0) collecting = this.collect(rounds.map((round) => round.announcement));
      collecting?.catch(() => undefined);
    });
    if (collecting === undefined) return false;
    const { replies, silentPools } = await collecting;
    return this.award(rounds, replies, silentPools);
  }

  /** Writes a round for each opening, into `rounds`. Openings of tasks that have ended meanwhile drop out. */
  private async announce(taken: TakenOpening[], rounds: OpenRound[], onAllDecided: () => void): Promise<void> {
    await this.options.tasks.transact(
      taken.map((opening) => opening.taskId),
      (locked) => ({
        commands: taken.flatMap((opening): PlannedCommand[] => {
          const task = locked.get(opening.taskId);
          if (task === undefined) return [];
          return [
            {
              taskId: opening.taskId,
              command: { kind: 'announce', ord: opening.ord },
              onDecided: (refusal) => {
                if (refusal !== undefined) return;
                const earlier = rounds.filter((round) => round.opening.taskId === opening.taskId).length;
                rounds.push(openRound(task.task, opening, earlier + 1));
              },
            },
          ];
        }),
        onAllDecided,
      }),
    );
  }

  /** One message out, one answer from each live process back; who stays silent is named. */
  private async collect(announcements: Announcement[]): Promise<Collected> {
    const stop = this.options.metrics.auctionSeconds.startTimer();
    const live = this.options.view.liveReplicas;
    const awaited = this.patience.awaited(
      live.map((replica) => replica.id),
      performance.now(),
    );
    const poolOf = new Map(live.map((replica) => [replica.id, replica.pool]));
    const replies: BidsMessage[] = [];
    await this.options.bus.request(
      channels.announce,
      { announcements },
      {
        replySchema: bidsMessageSchema,
        timeoutMs: this.options.bidWindowMs,
        onReply: (reply, from) => {
          // A pool bids for itself alone, and says of its own processes alone that they have answered.
          if (reply.pool !== from) this.options.metrics.busDropped.inc({ channel: 'reply', reason: 'sender' });
          else replies.push(reply);
          if (poolOf.get(reply.replicaId) === from) {
            this.patience.heard(reply.replicaId);
            if (reply.last) awaited.delete(reply.replicaId);
          }
          return awaited.size === 0 && live.length > 0;
        },
      },
    );
    this.patience.missed(awaited, performance.now());
    stop();
    const answered = new Set(replies.map((reply) => reply.pool));
    const silentPools = [...new Set(live.map((replica) => replica.pool))].filter((pool) => !answered.has(pool)).sort();
    return { replies, silentPools };
  }

  private async award(rounds: OpenRound[], replies: BidsMessage[], silentPools: string[]): Promise<boolean> {
    const answers = answersByRound(replies);
    const merged = rounds.map((round) => answers.get(roundKey(round.announcement)) ?? []);
    const bidders = merged.flat().flatMap((reply) => reply.bids.map((bid) => bid.agentId));
    let outcomes: string[] = [];
    await this.options.tasks.transactReading(
      agentLocks(bidders, this.options.leaseMs),
      rounds.map((round) => round.opening.taskId),
      (locked, _trx, now, agents) => {
        const plan = this.planAwards(rounds, merged, { locked, agents: knownAgents(agents), silentPools, now });
        outcomes = plan.commands.flatMap(({ command }) =>
          command.kind === 'close_round' ? [command.outcome.kind] : [],
        );
        return plan;
      },
    );
    for (const outcome of outcomes) this.options.metrics.auctionRounds.inc({ outcome });
    return outcomes.every((outcome) => outcome === 'award');
  }

  private planAwards(
    rounds: OpenRound[],
    merged: readonly (readonly MergedReply[])[],
    context: {
      locked: ReadonlyMap<string, LockedTask>;
      agents: Map<string, KnownAgent>;
      silentPools: string[];
      now: Date;
    },
  ): Plan {
    const commands: PlannedCommand[] = [];
    rounds.forEach((round, index) => {
      const task = context.locked.get(round.opening.taskId);
      if (task !== undefined) commands.push(this.closeRound(round, task, merged[index] ?? [], context));
    });
    return { commands };
  }

  private closeRound(
    { opening, announcement }: OpenRound,
    locked: LockedTask,
    replies: readonly MergedReply[],
    context: { agents: Map<string, KnownAgent>; silentPools: string[]; now: Date },
  ): PlannedCommand {
    const command = closeRoundCommand(opening, announcement, locked.task, replies, {
      ...context,
      activeAgents: this.options.view.activeFor(opening),
      policy: this.policyOf(locked.task.spec.policy),
    });
    return { taskId: opening.taskId, command };
  }

  private policyOf(name: string): AwardPolicy {
    const policy = this.options.policies.get(name) ?? this.options.policies.get('weighted');
    if (policy === undefined) throw new Error('the award policy "weighted" is missing');
    return policy;
  }
}

function openRound(task: TaskRecord, opening: TakenOpening, nth: number): OpenRound {
  const announcement = announcementOf(task, opening, nth);
  const { taskId, round, requiredSkills } = announcement;
  const attributes = { 'swarmbid.task': taskId, 'swarmbid.round': round, 'swarmbid.skills': requiredSkills };
  const span = startSpan('auction', { parent: task.spec.traceparent, attributes });
  const { traceparent } = span;
  return { opening, announcement: traceparent === undefined ? announcement : { ...announcement, traceparent }, span };
}
