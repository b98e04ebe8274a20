/** The standard normal quantile of a two-sided 95 % interval. */
const Z95 = 1.959963984540054;

/** `value` rounded to `decimals` places. */
export function rounded(value: number, decimals: number): number {
  const factor = 10 ** decimals;
  return Math.round(value * factor) / factor;
}

/** `part / whole` to `decimals` places; null where the whole is 0: nothing is known then. */
export function ratio(part: number, whole: number, decimals: number): number | null {
  return whole === 0 ? null : rounded(part / whole, decimals);
}

/**
 * The 95 % score interval of a success rate (Wilson 1927): unlike the textbook interval it stays within 0–1 and means
 * something for three attempts. Null where there were none. Both ends to four decimals.
 */
export function wilsonInterval(successes: number, failures: number): { low: number; high: number } | null {
  const trials = successes + failures;
  if (trials === 0) return null;
  const rate = successes / trials;
  const z2 = Z95 * Z95;
  const centre = rate + z2 / (2 * trials);
  const margin = Z95 * Math.sqrt((rate * (1 - rate)) / trials + z2 / (4 * trials * trials));
  const scale = 1 + z2 / trials;
  return {
    low: rounded(Math.max(0, (centre - margin) / scale), 4),
    high: rounded(Math.min(1, (centre + margin) / scale), 4),
  };
}
