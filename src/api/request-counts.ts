/**
 * Counts the requests of each caller within fixed windows of the wall clock, for all API processes together where they have
 * a store in common.
 *
 * 1. A request never waits for the store: it is counted here at once, and what was counted is carried to the store each
 *    `SYNC_MS`, whose answer says what the others have counted. They may together exceed a limit by what comes within that.
 * 2. A store that does not answer is as none: each process then holds its callers to the limit by its own count, which
 *    misses nothing that it let in itself.
 */
const SYNC_MS = 250;
/** Beyond it the oldest caller is forgotten, so that strangers who make up addresses cannot fill the memory. */
const MAX_CALLERS = 50_000;

export interface CountStore {
  /** Adds to several counters, each of which lives for `lifeMs`; answers with their sums, in the same order. */
  addAll(counts: readonly { name: string; add: number }[], lifeMs: number): Promise<number[]>;
}

interface Count {
  own: number;
  /** Of `own`, what the store has been told. */
  told: number;
  /** The store's last sum. */
  sum: number;
}

export class RequestCounts {
  readonly #windowMs: number;
  readonly #store: CountStore | undefined;
  readonly #nowMs: () => number;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #counts = new Map<string, Count>();
  #window = 0;
  #telling = false;

  /** @param nowMs the wall clock; default `Date.now` */
  constructor(windowMs: number, store: CountStore | undefined, nowMs: () => number = Date.now) {
    this.#windowMs = windowMs;
    this.#store = store;
    this.#nowMs = nowMs;
    if (store !== undefined) this.#timer = setInterval(() => void this.sync(), SYNC_MS).unref();
  }

  /** One more of `caller`: how many in this window, and how long it goes on. */
  add(caller: string): { current: number; ttl: number } {
    const now = this.#nowMs();
    const window = Math.floor(now / this.#windowMs);
    if (window !== this.#window) {
      this.#window = window;
      this.#counts = new Map();
    }
    const count = this.#counts.get(caller) ?? this.#begin(caller);
    count.own += 1;
    return {
      current: Math.max(count.own, count.sum + count.own - count.told),
      ttl: (window + 1) * this.#windowMs - now,
    };
  }

  #begin(caller: string): Count {
    const count = { own: 0, told: 0, sum: 0 };
    this.#counts.set(caller, count);
    const oldest = this.#counts.keys().next();
    if (this.#counts.size > MAX_CALLERS && oldest.done !== true) this.#counts.delete(oldest.value);
    return count;
  }

  /** Tells the store what is new. Never rejects; does nothing while it is under way. */
  async sync(): Promise<void> {
    const untold = [...this.#counts].filter(([, count]) => count.own > count.told);
    if (this.#store === undefined || this.#telling || untold.length === 0) return;
    this.#telling = true;
    const telling = untold.map(([caller, count]) => ({
      name: `${this.#window}:${caller}`,
      add: count.own - count.told,
      count,
    }));
    // what was sent may have been counted although no answer came: it is not sent again
    for (const { count, add } of telling) count.told += add;
    try {
      const sums = await this.#store.addAll(telling, 2 * this.#windowMs);
      telling.forEach(({ count }, index) => (count.sum = sums[index] ?? count.sum));
    } catch {
      // invariant 2; the connection itself logs that the store is away
    } finally {
      this.#telling = false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
