const SELF_FENCE = 0.75;

/**
 * True if a process must stop its work by itself: for so much of a lease no heartbeat has reached the store, and somebody
 * else may have the work by the time that the lease runs out.
 */
export function mustFence(sinceBeatMs: number, leaseMs: number): boolean {
  return sinceBeatMs >= SELF_FENCE * leaseMs;
}
