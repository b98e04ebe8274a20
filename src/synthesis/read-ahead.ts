import { setImmediate as turn } from 'node:timers/promises';
import { compileCheck } from './core/expressions.ts';

/** What one turn may cost the thread; a single expression costs at most twice that. */
const TURN_MS = 5;

/**
 * Reads expressions, so that what is known of them is at hand, and lets others have their turn in between: 32 of the worst
 * would otherwise hold the thread for 300 ms.
 */
export async function readAhead(expressions: readonly string[]): Promise<void> {
  let startedAtMs = performance.now();
  for (const expression of expressions) {
    compileCheck(expression);
    if (performance.now() - startedAtMs < TURN_MS) continue;
    await turn();
    startedAtMs = performance.now();
  }
}
