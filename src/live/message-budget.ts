/** Enough to watch 1,000 tasks anew, and to leave them, after a broken connection. */
const BURST = 2_500;
const PER_SECOND = 250;

/** How many messages a connection may still send: `BURST` at once, then `PER_SECOND` (a token bucket). */
export class MessageBudget {
  readonly #nowMs: () => number;
  #left = BURST;
  #filledAtMs: number;

  /** @param nowMs milliseconds that only grow */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#filledAtMs = nowMs();
  }

  /** Takes one; false if there is none. */
  take(): boolean {
    const now = this.#nowMs();
    this.#left = Math.min(BURST, this.#left + ((now - this.#filledAtMs) * PER_SECOND) / 1_000);
    this.#filledAtMs = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
