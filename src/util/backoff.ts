/**
 * Exponential back-off without jitter: `firstMs`, doubled for every further try, at most `maxMs`.
 * @param tries how many tries have been made before, 0 or more
 */
export function backoffMs(tries: number, firstMs: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(tries, 30));
}
