/**
 * The feed of the whole market, for admins: one connection for all views. It makes up for no gap, so whoever shows what it
 * tells reads anew when it stands again.
 */
import { effect, signal } from '@preact/signals';
import type { MarketStats, TaskEvent } from '../../sdk/index.ts';
import { reportFeed } from './feeds.ts';
import { client, isAdmin, report } from './session.ts';

/** The figures of the last minute, newest last: what the charts of the market's view go on with. */
export const recentStats = signal<readonly MarketStats[]>([]);
const REMEMBERED_STATS = 300;

interface Subscriber {
  event(event: TaskEvent): void;
  /** The feed stands again: what happened meanwhile was not told. */
  caughtUp(): void;
}

const subscribers = new Set<Subscriber>();

export function subscribe(subscriber: Subscriber): () => void {
  subscribers.add(subscriber);
  return () => subscribers.delete(subscriber);
}

effect(() => {
  if (!isAdmin.value) return undefined;
  const feed = reportFeed();
  const stop = client.value.listen({
    onEvent: (event) => {
      for (const subscriber of subscribers) subscriber.event(event);
    },
    onStats: (stats) => {
      recentStats.value = [...recentStats.peek(), stats].slice(-REMEMBERED_STATS);
    },
    onConnection: (connected) => {
      feed.connected(connected);
      if (connected) for (const subscriber of subscribers) subscriber.caughtUp();
    },
    onRefused: report,
  });
  return () => {
    stop();
    feed.end();
  };
});
