export type Grain = 'minute' | 'hour';

/** A stretch of time, from its begin to before its end, and what its figures are read from. Milliseconds since 1970. */
export interface Stretch {
  from: 'tasks' | Grain;
  beginMs: number;
  endMs: number;
}

const GRAINS: readonly { grain: Grain; ms: number; edges: Stretch['from'] }[] = [
  { grain: 'minute', ms: 60_000, edges: 'tasks' },
  { grain: 'hour', ms: 3_600_000, edges: 'minute' },
];

/**
 * Covers a window by hours as far as they are rolled up, by minutes at their edges, and by single tasks at the edges of
 * those: without a gap, and nothing twice.
 * @param until before when each grain is complete: whole hours and whole minutes, hours not beyond minutes
 */
export function coverWindow(beginMs: number, endMs: number, until: Record<Grain, number>): Stretch[] {
  let inner: Stretch = { from: 'tasks', beginMs, endMs };
  const before: Stretch[] = [];
  const after: Stretch[] = [];
  for (const { grain, ms, edges } of GRAINS) {
    const begin = Math.ceil(inner.beginMs / ms) * ms;
    const end = Math.min(until[grain], Math.floor(inner.endMs / ms) * ms);
    if (end <= begin) break;
    before.push({ from: edges, beginMs: inner.beginMs, endMs: begin });
    after.unshift({ from: edges, beginMs: end, endMs: inner.endMs });
    inner = { from: grain, beginMs: begin, endMs: end };
  }
  return [...before, inner, ...after].filter((stretch) => stretch.beginMs < stretch.endMs);
}
