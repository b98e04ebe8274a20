import { sql, type RawBuilder } from 'kysely';
import type { TaskStatus } from '../contracts/task.ts';
import type { Database } from '../db/database.ts';
import { coverWindow, type Grain, type Stretch } from './core/window-cover.ts';

/** Ended tasks of one status. */
export interface EndedRow {
  status: TaskStatus;
  tasks: number;
  durationMs: number;
  qualitySum: number;
  qualityCount: number;
  teamSizeSum: number;
  teamCount: number;
  parallel: number;
}

/** A task is committed at the latest this long after its `finished_at` was read from the clock. */
const COMMIT_GRACE_MS = 60_000;
/** One statement rolls up at most so much, so that a market of years catches up in small steps. */
const STEP_DAYS = 1;

const figuresOfTasks = sql`count(*)::int as tasks,
  coalesce(sum(date_part('epoch', finished_at - created_at)) * 1000, 0) as duration_ms,
  coalesce(sum(quality::float8), 0) as quality_sum, count(quality)::int as quality_count,
  coalesce(sum(team_size), 0)::int as team_size_sum, count(*) filter (where team_size > 0)::int as team_count,
  count(*) filter (where subtask_count > 1)::int as parallel`;

const figuresOfRollups = sql`sum(tasks)::int as tasks, sum(duration_ms) as duration_ms, sum(quality_sum) as quality_sum,
  sum(quality_count)::int as quality_count, sum(team_size_sum)::int as team_size_sum, sum(team_count)::int as team_count,
  sum(parallel)::int as parallel`;

/** Rolls up the minutes, then the hours, that are over. One orchestrator at a time; the others pass. */
export async function rollUpTasks(db: Database): Promise<void> {
  await advance(db, 'minute', {
    oldest: sql`select min(finished_at) from task`,
    until: sql`clock_timestamp() - ${COMMIT_GRACE_MS} * interval '1 ms'`,
    figures: sql`
      select date_trunc('minute', finished_at, 'UTC') as at, status, ${figuresOfTasks} from task, step
      where finished_at >= step.begin_at and finished_at < step.end_at group by 1, 2`,
  });
  await advance(db, 'hour', {
    oldest: sql`select min(at) from task_rollup where grain = 'minute'`,
    until: sql`(select until from task_rollup_progress where grain = 'minute')`,
    figures: sql`
      select date_trunc('hour', at, 'UTC') as at, status, ${figuresOfRollups} from task_rollup, step
      where grain = 'minute' and at >= step.begin_at and at < step.end_at group by 1, 2`,
  });
}

interface Source {
  oldest: RawBuilder<unknown>;
  /** What ended before is known to be complete. */
  until: RawBuilder<unknown>;
  figures: RawBuilder<unknown>;
}

/** The progress moves in the statement that writes the rows, so nobody sees one without the other. */
async function advance(db: Database, grain: Grain, { oldest, until, figures }: Source): Promise<void> {
  let moved: bigint | undefined;
  do {
    const result = await sql`
      with locked as (
        select greatest(until, date_trunc(${grain}, (${oldest}), 'UTC')) as begin_at
        from task_rollup_progress where grain = ${grain} and (${oldest}) is not null for update skip locked
      ), step as materialized (
        select * from (
          select begin_at, date_trunc(${grain}, least(begin_at + ${STEP_DAYS} * interval '1 day', ${until}), 'UTC') as end_at
          from locked
        ) s where end_at > begin_at
      ), rolled as (
        insert into task_rollup (grain, at, status, tasks, duration_ms, quality_sum, quality_count, team_size_sum, team_count, parallel)
        select ${grain}, f.* from (${figures}) f
      )
      update task_rollup_progress set until = step.end_at from step where grain = ${grain}`.execute(db);
    moved = result.numAffectedRows;
  } while (moved === 1n);
}

/** Tasks that ended within the last `windowMs`, by status: at most two minutes of single tasks, the rest from roll-ups. */
export async function readEnded(db: Database, windowMs: number): Promise<EndedRow[]> {
  const { nowMs, until } = await readProgress(db);
  const stretches = coverWindow(nowMs - windowMs, nowMs, until);
  const { rows } = await sql<EndedRow>`
    select status, sum(tasks)::int as tasks, sum(duration_ms) as "durationMs", sum(quality_sum) as "qualitySum",
      sum(quality_count)::int as "qualityCount", sum(team_size_sum)::int as "teamSizeSum",
      sum(team_count)::int as "teamCount", sum(parallel)::int as parallel
    from (${sql.join(stretches.map(figuresOf), sql` union all `)}) f group by status`.execute(db);
  return rows;
}

export interface EndedInBucket extends Pick<EndedRow, 'status' | 'tasks' | 'durationMs'> {
  /** Which bucket, counted from 1970. */
  bucket: number;
}

/**
 * Tasks that ended in the last `buckets` stretches of `bucketMs`, the present one included, by stretch and status. A
 * roll-up is read only where its grain divides `bucketMs`, so that each of its rows is in one bucket.
 */
export async function readEndedByBucket(
  db: Database,
  bucketMs: number,
  buckets: number,
): Promise<{ last: number; rows: EndedInBucket[] }> {
  const { nowMs, until } = await readProgress(db);
  const last = Math.floor(nowMs / bucketMs);
  const divides = (grainMs: number) => bucketMs % grainMs === 0;
  const stretches = coverWindow((last - buckets + 1) * bucketMs, nowMs, {
    minute: divides(60_000) ? until.minute : 0,
    hour: divides(3_600_000) ? until.hour : 0,
  });
  const { rows } = await sql<EndedInBucket>`
    select floor(date_part('epoch', at) * 1000 / ${bucketMs}::float8) as bucket, status,
      sum(tasks)::int as tasks, sum(duration_ms) as "durationMs"
    from (${sql.join(stretches.map(endedIn), sql` union all `)}) f group by 1, 2`.execute(db);
  return { last, rows };
}

async function readProgress(db: Database): Promise<{ nowMs: number; until: Record<Grain, number> }> {
  const { rows: progress } = await sql<{ grain: Grain; until: Date; now: Date }>`
    select grain, until, statement_timestamp() as now from task_rollup_progress`.execute(db);
  const untilMs = (grain: Grain) => progress.find((row) => row.grain === grain)?.until.getTime() ?? 0;
  const nowMs = progress[0]?.now.getTime() ?? Date.now();
  return { nowMs, until: { minute: untilMs('minute'), hour: untilMs('hour') } };
}

/** Single tasks by task_by_finish alone, without their rows. */
function figuresOf({ from, beginMs, endMs }: Stretch): RawBuilder<unknown> {
  const begin = new Date(beginMs);
  const end = new Date(endMs);
  return from === 'tasks'
    ? sql`select status, ${figuresOfTasks} from task where finished_at >= ${begin} and finished_at < ${end} group by status`
    : sql`select status, ${figuresOfRollups} from task_rollup
        where grain = ${from} and at >= ${begin} and at < ${end} group by status`;
}

/** The same with the instants kept. */
function endedIn({ from, beginMs, endMs }: Stretch): RawBuilder<unknown> {
  const begin = new Date(beginMs);
  const end = new Date(endMs);
  return from === 'tasks'
    ? sql`select finished_at as at, status, 1 as tasks, date_part('epoch', finished_at - created_at) * 1000 as duration_ms
        from task where finished_at >= ${begin} and finished_at < ${end}`
    : sql`select at, status, tasks, duration_ms from task_rollup
        where grain = ${from} and at >= ${begin} and at < ${end}`;
}
