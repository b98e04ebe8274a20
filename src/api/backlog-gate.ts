/**
 * Holds new tasks back while the market has as much as it can do, so that what it has accepted goes on.
 *
 * 1. Nothing is counted at a submission: a loop reads the backlog, and what was let in since is added to its last answer.
 *    Several API processes may together exceed a limit by what they let in between two readings.
 * 2. A reading rests ten times as long as it took, so that it never costs more than a tenth of one connection.
 * 3. A reading that cannot get a connection in time closes the gate while it waits: the pool is exhausted. One that fails
 *    changes nothing; the submission itself will meet the store that does not answer.
 */
import { MarketError } from '../contracts/errors.ts';
import type { Backlog } from '../contracts/services.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';

const PERIOD_MS = 500;
const REST_FACTOR = 10;
const RETRY_AFTER_SECONDS = 2;

export interface BacklogLimits {
  /** Tasks that are accepted and not ended, of all owners. */
  openTasks: number;
  openTasksPerOwner: number;
  /** How long a question may wait for a connection to the database. */
  poolWaitMs: number;
}

export interface BacklogGateDeps {
  read: () => Promise<Backlog>;
  limits: BacklogLimits;
  logger: Logger;
  metrics: Pick<Metrics, 'openTasks' | 'waitingOpenings'>;
  /** Milliseconds that only grow; default `performance.now`. */
  nowMs?: (() => number) | undefined;
}

export class BacklogGate {
  readonly #deps: BacklogGateDeps;
  readonly #nowMs: () => number;
  /** The last reading, and what was let in since it began. */
  #known = new Tally();
  #poolWaitMs = 0;
  /** Let in since the reading began that is under way; what it answers does not count these. */
  #fresh = new Tally();
  #askedAtMs: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(deps: BacklogGateDeps) {
    this.#deps = deps;
    this.#nowMs = deps.nowMs ?? (() => performance.now());
  }

  /** Resolves with the first reading, or its failure; from then on it reads by itself. */
  async start(): Promise<void> {
    await this.#read();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /**
   * Takes the place of one more task of this owner; the answer gives it back, where no task came of it.
   * @throws MarketError OVERLOADED, or RATE_LIMITED where it is the owner that has too many
   */
  reserve(ownerId: string): () => void {
    this.#refuseAtLimit(ownerId);
    const tally = this.#askedAtMs === null ? this.#known : this.#fresh;
    tally.add(ownerId, 1);
    return () => {
      tally.add(ownerId, -1);
    };
  }

  #refuseAtLimit(ownerId: string): void {
    const { openTasks, openTasksPerOwner, poolWaitMs } = this.#deps.limits;
    const waitedMs = this.#askedAtMs === null ? 0 : this.#nowMs() - this.#askedAtMs;
    if (Math.max(this.#poolWaitMs, waitedMs) > poolWaitMs)
      throw overloaded('Every connection to the database is busy. Try again.');
    if (this.#known.total + this.#fresh.total >= openTasks)
      throw overloaded(`The market has ${openTasks} open tasks and takes no more until some end. Try again.`);
    if (this.#known.of(ownerId) + this.#fresh.of(ownerId) < openTasksPerOwner) return;
    throw new MarketError(
      'RATE_LIMITED',
      `One owner may have ${openTasksPerOwner} open tasks. Wait until some of them end.`,
      { retryAfterSeconds: RETRY_AFTER_SECONDS },
    );
  }

  async #read(): Promise<void> {
    const beganAtMs = this.#nowMs();
    this.#askedAtMs = beganAtMs;
    try {
      const backlog = await this.#deps.read();
      this.#known = new Tally(backlog.openTasksByOwner);
      this.#poolWaitMs = backlog.poolWaitMs;
      this.#deps.metrics.openTasks.set(this.#known.total);
      this.#deps.metrics.waitingOpenings.set(backlog.waiting);
    } catch (error) {
      this.#deps.logger.warn({ err: error }, 'the backlog could not be read; the last figures hold');
    }
    this.#known.addAll(this.#fresh);
    this.#fresh = new Tally();
    this.#askedAtMs = null;
    if (this.#closed) return;
    const restMs = Math.max(PERIOD_MS, REST_FACTOR * (this.#nowMs() - beganAtMs));
    this.#timer = setTimeout(() => void this.#read(), restMs).unref();
  }
}

/** Counts by owner. */
class Tally {
  readonly #byOwner: Map<string, number>;
  total = 0;

  constructor(byOwner: ReadonlyMap<string, number> = new Map()) {
    this.#byOwner = new Map(byOwner);
    for (const count of byOwner.values()) this.total += count;
  }

  of(owner: string): number {
    return this.#byOwner.get(owner) ?? 0;
  }

  add(owner: string, count: number): void {
    this.#byOwner.set(owner, this.of(owner) + count);
    this.total += count;
  }

  addAll(other: Tally): void {
    for (const [owner, count] of other.#byOwner) this.add(owner, count);
  }
}

function overloaded(detail: string): MarketError {
  return new MarketError('OVERLOADED', detail, { retryAfterSeconds: RETRY_AFTER_SECONDS });
}
