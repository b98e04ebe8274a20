/** Counts by name within fixed windows of time, in memory. */
export interface WindowCounts {
  /** One more of `name`: how many there are in the present window, and for how long that goes on. */
  add(name: string): { count: number; leftMs: number };
}

/** Beyond it the oldest name is forgotten, so that strangers who make up names cannot fill the memory. */
const MAX_NAMES = 50_000;

/** @param nowMs milliseconds that only grow */
export function createWindowCounts(windowMs: number, nowMs: () => number = () => performance.now()): WindowCounts {
  const counts = new Map<string, number>();
  let endsAtMs = -Infinity;
  return {
    add: (name) => {
      const now = nowMs();
      if (now >= endsAtMs) {
        counts.clear();
        endsAtMs = now + windowMs;
      }
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      const oldest = counts.keys().next();
      if (counts.size > MAX_NAMES && oldest.done !== true) counts.delete(oldest.value);
      return { count, leftMs: endsAtMs - now };
    },
  };
}
