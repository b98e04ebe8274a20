import { backoffMs } from '../util/backoff.ts';
import { SwarmbidError } from './swarmbid-error.ts';

const TRIES = 3;
const LONGEST_WAIT_MS = 10_000;

/**
 * Calls `once` at most three times, while it fails in a way that says nothing of the request itself: no answer, or 503.
 * Between tries it waits as long as `Retry-After` asks (at most 10 s), else 0.2 s doubling. Only for requests that may
 * arrive twice.
 */
export async function withRetries<Answer>(once: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await once();
    } catch (error) {
      if (tries + 1 >= TRIES || !mayPass(error)) throw error;
      await pause(Math.min(error.retryAfterMs ?? backoffMs(tries, 200, LONGEST_WAIT_MS), LONGEST_WAIT_MS), signal);
    }
  }
}

function mayPass(error: unknown): error is SwarmbidError {
  return error instanceof SwarmbidError && (error.code === 'UNREACHABLE' || error.status === 503);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else resolve();
    };
    const timer = setTimeout(finish, ms);
    if (signal?.aborted === true) finish();
    else signal?.addEventListener('abort', finish, { once: true });
  });
}
