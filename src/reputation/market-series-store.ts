import { sql } from 'kysely';
import type { MarketSeries } from '../contracts/ledger.ts';
import type { Database } from '../db/database.ts';
import { ratio } from './core/statistics.ts';

interface BucketRow {
  at: Date;
  completed: number;
  failed: number;
  cancelled: number;
  durationMs: number;
}

/**
 * Tasks that ended within the window, by buckets of equal length. Served by task_by_finish alone, as the market's figures
 * are; the buckets in which nothing ended are filled in by the series, not by the table.
 */
export async function readMarketSeries(db: Database, windowMs: number, buckets: number): Promise<MarketSeries> {
  const bucketMs = Math.max(1, Math.ceil(windowMs / buckets));
  const { rows } = await sql<BucketRow>`
    with span as (
      select date_bin(${bucketMs} * interval '1 millisecond', statement_timestamp(), 'epoch') as last
    ), bucket as (
      select generate_series(0, ${buckets - 1}) as ago
    ), ended as (
      select date_bin(${bucketMs} * interval '1 millisecond', finished_at, 'epoch') as at,
             count(*) filter (where status = 'completed') as completed,
             count(*) filter (where status in ('failed', 'expired')) as failed,
             count(*) filter (where status = 'cancelled') as cancelled,
             coalesce(sum(date_part('epoch', finished_at - created_at)) filter (where status = 'completed'), 0) * 1000
               as "durationMs"
      from task
      where finished_at >= statement_timestamp() - ${bucketMs * buckets} * interval '1 millisecond'
      group by 1
    )
    select slot.at, coalesce(e.completed, 0) as completed, coalesce(e.failed, 0) as failed,
           coalesce(e.cancelled, 0) as cancelled, coalesce(e."durationMs", 0) as "durationMs"
    from bucket, span,
         lateral (select span.last - bucket.ago * ${bucketMs} * interval '1 millisecond' as at) slot
         left join ended e on e.at = slot.at
    order by slot.at`.execute(db);
  return {
    windowMs,
    bucketMs,
    points: rows.map(({ at, durationMs, ...counts }) => ({
      at: at.toISOString(),
      ...counts,
      avgTaskDurationMs: ratio(durationMs, counts.completed, 0),
    })),
  };
}
