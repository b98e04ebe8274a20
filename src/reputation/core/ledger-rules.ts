import type { Outcome } from '../../contracts/ledger.ts';

/** Everybody begins here. */
export const START_REPUTATION = 100;
const MIN_REPUTATION = 0;
export const MAX_REPUTATION = 150;

const ACCEPTED_DELTA = 5;
const QUALITY_BONUS = 2;
const BONUS_ABOVE_QUALITY = 90;
const FAILED_DELTA = -10;

/**
 * What an attempt's outcome changes: accepted +5, and +2 more when quality is over 90 (exactly 90, or no known quality,
 * earns no bonus); failed, rejected or timed out −10; a failure that is the market's own 0.
 * @param attempt `quality` 0–100, null where nothing is known of it
 */
export function deltaFor(attempt: { outcome: Outcome; quality: number | null }): number {
  switch (attempt.outcome) {
    case 'accepted':
      return ACCEPTED_DELTA + (attempt.quality !== null && attempt.quality > BONUS_ABOVE_QUALITY ? QUALITY_BONUS : 0);
    case 'failed':
    case 'rejected':
    case 'timed_out':
      return FAILED_DELTA;
    case 'market_failure':
      return 0;
  }
}

/**
 * Applies deltas one by one, clamped to 0–150 after each: a sum clamped at the end would be another number (ten times +7
 * and then −10 from 100 is 140).
 * @returns for each delta the reputation before and after it, in order; the last `after` is the reputation
 */
export function foldEntries(start: number, deltas: readonly number[]): { before: number; after: number }[] {
  let reputation = start;
  return deltas.map((delta) => {
    const before = reputation;
    reputation = Math.min(MAX_REPUTATION, Math.max(MIN_REPUTATION, before + delta));
    return { before, after: reputation };
  });
}
