import { setTimeout as delay } from 'node:timers/promises';
import { SwarmbidError } from '../../src/sdk/index.ts';

const RETRY_MS = 300;

/** Refusals that say "not now": a client tries again. */
const PASSING = new Set(['UNREACHABLE', 'UNAVAILABLE', 'OVERLOADED', 'RATE_LIMITED']);

export function isPassing(error: unknown): error is SwarmbidError {
  return error instanceof SwarmbidError && PASSING.has(error.code);
}

/** Asks until there is an answer, or a refusal that will stay one. */
export async function untilAnswered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await delay(RETRY_MS);
    }
  }
}
