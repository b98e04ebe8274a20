import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit';
import type { RequestCounts } from './request-counts.ts';

/** `counts` in the shape that @fastify/rate-limit asks for; all its limits have one window, and names that differ. */
export function storeOver(counts: RequestCounts): FastifyRateLimitStoreCtor {
  return class implements FastifyRateLimitStore {
    incr(caller: string, callback: (error: Error | null, result?: { current: number; ttl: number }) => void): void {
      callback(null, counts.add(caller));
    }

    child(): FastifyRateLimitStore {
      return this;
    }
  };
}
