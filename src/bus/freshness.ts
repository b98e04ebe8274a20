/** How far a sender's clock and a message's way may put its time from ours. */
const WINDOW_MS = 30 * 60_000;
/** Senders and channels of which the last number is remembered. */
const MAX_REMEMBERED = 10_000;

export type Staleness = 'stale' | 'replayed';

/**
 * Tells a message that was recorded and sent again from one that is new. A sender numbers its messages, and those of one
 * sender on one channel arrive in their order, so that one number is all to remember; for what is older than that memory
 * (a sender that is gone, a process that has just started) there is the sender's time.
 */
export class Freshness {
  /** By sender's session and channel; the longest unheard first. */
  readonly #last = new Map<string, number>();

  /** Undefined for a message that is new; it counts as seen then. */
  faultOf(
    message: { session: string; number: number; at: number },
    channel: string,
    nowMs: number,
  ): Staleness | undefined {
    if (Math.abs(nowMs - message.at) > WINDOW_MS) return 'stale';
    const key = `${message.session} ${channel}`;
    if (message.number <= (this.#last.get(key) ?? 0)) return 'replayed';
    this.#last.delete(key);
    this.#last.set(key, message.number);
    const [oldest] = this.#last.keys();
    if (this.#last.size > MAX_REMEMBERED && oldest !== undefined) this.#last.delete(oldest);
    return undefined;
  }
}
