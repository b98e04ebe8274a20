import type { Logger } from '../observability/logger.ts';
import { QUEUE_PREFIX } from './names.ts';
import { endRedis, openRedis } from './redis-connection.ts';

/** Its braces keep all counters in one slot of a Cluster, so that one pipeline may carry them. */
const COUNT_PREFIX = `${QUEUE_PREFIX}:count:`;

export interface RedisCounts {
  /** Adds to several counters, each of which lives for `lifeMs`; answers with their sums. @throws Error while Redis is away */
  addAll(counts: readonly { name: string; add: number }[], lifeMs: number): Promise<number[]>;
  close(): Promise<void>;
}

/** Counters on Redis. They are estimates: one whose answer was lost may have been added to. */
export function createRedisCounts(redisUrl: string, logger: Logger): RedisCounts {
  const client = openRedis(redisUrl, 'fast', logger.child({ component: 'counts' }));
  return {
    addAll: async (counts, lifeMs) => {
      const pipeline = client.pipeline();
      for (const { name, add } of counts) {
        pipeline.incrby(COUNT_PREFIX + name, add);
        pipeline.pexpire(COUNT_PREFIX + name, lifeMs);
      }
      const answers = (await pipeline.exec()) ?? [];
      return counts.map((_count, index) => {
        const [error, sum] = answers[2 * index] ?? [];
        if (error !== undefined && error !== null) throw error;
        return Number(sum);
      });
    },
    close: async () => {
      endRedis(client);
    },
  };
}
