/**
 * Whether what is shown is live. Each connection of the live feed reports here while its view is open; the page is stale as
 * soon as one of them is broken, and says since when.
 */
import { computed, signal } from '@preact/signals';

interface Feed {
  connected: boolean;
  /** Unix ms since it broke; null before it first stood, and while it stands. */
  brokenAtMs: number | null;
}

const feeds = signal<ReadonlyMap<symbol, Feed>>(new Map());

export type Liveness = { state: 'none' | 'connecting' | 'live' } | { state: 'stale'; sinceMs: number };

export const liveness = computed<Liveness>(() => {
  const all = [...feeds.value.values()];
  const broken = all.flatMap((feed) => (feed.brokenAtMs === null ? [] : [feed.brokenAtMs]));
  if (broken.length > 0) return { state: 'stale', sinceMs: Math.min(...broken) };
  if (all.length === 0) return { state: 'none' };
  return { state: all.every((feed) => feed.connected) ? 'live' : 'connecting' };
});

export interface FeedReport {
  connected(connected: boolean): void;
  /** The feed is no longer wanted: it says nothing of the page any more. */
  end(): void;
}

export function reportFeed(): FeedReport {
  const key = Symbol('feed');
  const put = (feed: Feed | null) => {
    const next = new Map(feeds.peek());
    if (feed === null) next.delete(key);
    else next.set(key, feed);
    feeds.value = next;
  };
  put({ connected: false, brokenAtMs: null });
  return {
    connected: (connected) => {
      const since = feeds.peek().get(key)?.brokenAtMs ?? Date.now();
      put({ connected, brokenAtMs: connected ? null : since });
    },
    end: () => put(null),
  };
}
