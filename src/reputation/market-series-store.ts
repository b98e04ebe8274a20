import type { MarketSeries } from '../contracts/ledger.ts';
import type { Database } from '../db/database.ts';
import { ratio } from './core/statistics.ts';
import { readEndedByBucket, type EndedInBucket } from './task-rollup-store.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Tasks that ended within the window, by buckets of equal length; those in which nothing ended are there too. */
export async function readMarketSeries(db: Database, windowMs: number, buckets: number): Promise<MarketSeries> {
  const bucketMs = wholeLength(windowMs / buckets);
  const count = Math.ceil(windowMs / bucketMs);
  const { last, rows } = await readEndedByBucket(db, bucketMs, count);
  const byBucket = Map.groupBy(rows, (row) => row.bucket);
  const points = Array.from({ length: count }, (_, index) => {
    const bucket = last - count + 1 + index;
    return { at: new Date(bucket * bucketMs).toISOString(), ...figuresOf(byBucket.get(bucket) ?? []) };
  });
  return { windowMs, bucketMs, points };
}

/** Rounded up to whole minutes or hours where it is longer than one, so that roll-ups can serve it. */
function wholeLength(ms: number): number {
  const unit = ms > HOUR_MS ? HOUR_MS : ms > MINUTE_MS ? MINUTE_MS : 1;
  return Math.max(1, Math.ceil(ms / unit) * unit);
}

function figuresOf(rows: readonly EndedInBucket[]): Omit<MarketSeries['points'][number], 'at'> {
  const tasksOf = (status: EndedInBucket['status']) => rows.find((row) => row.status === status)?.tasks ?? 0;
  const completed = tasksOf('completed');
  const durationMs = rows.find((row) => row.status === 'completed')?.durationMs ?? 0;
  return {
    completed,
    failed: tasksOf('failed') + tasksOf('expired'),
    cancelled: tasksOf('cancelled'),
    avgTaskDurationMs: ratio(durationMs, completed, 0),
  };
}
