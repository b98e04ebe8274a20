import { sql } from 'kysely';
import type { MarketStats } from '../contracts/ledger.ts';
import { isFinal, TASK_STATUSES, type TaskStatus } from '../contracts/task.ts';
import type { Database } from '../db/database.ts';
import { ratio, rounded } from './core/statistics.ts';
import { readEnded, type EndedRow } from './task-rollup-store.ts';

interface CrowdRow {
  at: Date;
  avgLoadPercent: number;
  peakLoadPercent: number;
  avgReputation: number | null;
  reputationStdDev: number | null;
}

/**
 * The market's figures: throughput, durations, quality and teams of the tasks that ended within the window; loads,
 * reputations, open tasks and queue as they are now. The success rate leaves out cancelled tasks: nobody failed there.
 * @param leaseMs how old a replica's heartbeat may be
 */
export async function readMarketStats(db: Database, windowMs: number, leaseMs: number): Promise<MarketStats> {
  const [ended, open, crowd, queueDepth] = await Promise.all([
    readEnded(db, windowMs),
    selectOpen(db),
    selectCrowd(db, leaseMs),
    countOpenings(db),
  ]);
  return {
    windowMs,
    at: crowd.at.toISOString(),
    ...throughput(ended, windowMs),
    avgAgentLoadPercent: rounded(crowd.avgLoadPercent, 2),
    peakAgentLoadPercent: rounded(crowd.peakLoadPercent, 2),
    avgReputation: crowd.avgReputation === null ? null : rounded(crowd.avgReputation, 2),
    reputationStdDev: crowd.reputationStdDev === null ? null : rounded(crowd.reputationStdDev, 2),
    tasksByStatus: countsByStatus([...ended, ...open]),
    queueDepth,
  };
}

function throughput(ended: readonly EndedRow[], windowMs: number) {
  const sum = (pick: (row: EndedRow) => number) => ended.reduce((total, row) => total + pick(row), 0);
  const tasksEnded = sum((row) => row.tasks);
  const completed = ended.find((row) => row.status === 'completed');
  const cancelled = ended.find((row) => row.status === 'cancelled')?.tasks ?? 0;
  return {
    tasksPerSecond: rounded((tasksEnded * 1000) / windowMs, 3),
    avgTaskDurationMs: ratio(completed?.durationMs ?? 0, completed?.tasks ?? 0, 0),
    successRate: ratio(completed?.tasks ?? 0, tasksEnded - cancelled, 4),
    avgQuality: ratio(
      sum((row) => row.qualitySum),
      sum((row) => row.qualityCount),
      2,
    ),
    avgTeamSize: ratio(
      sum((row) => row.teamSizeSum),
      sum((row) => row.teamCount),
      2,
    ),
    parallelExecutionRate: ratio(
      sum((row) => row.parallel),
      tasksEnded,
      4,
    ),
  };
}

function countsByStatus(rows: readonly { status: TaskStatus; tasks: number }[]): Record<TaskStatus, number> {
  const counts = Object.fromEntries(TASK_STATUSES.map((status) => [status, 0])) as Record<TaskStatus, number>;
  for (const row of rows) counts[row.status] = row.tasks;
  return counts;
}

async function selectOpen(db: Database): Promise<{ status: TaskStatus; tasks: number }[]> {
  const open = TASK_STATUSES.filter((status) => !isFinal(status));
  return db
    .selectFrom('task')
    .select((eb) => ['status', eb.fn.countAll<number>().as('tasks')])
    .where('status', 'in', open)
    .groupBy('status')
    .execute();
}

async function selectCrowd(db: Database, leaseMs: number): Promise<CrowdRow> {
  const { rows } = await sql<CrowdRow>`
    with live as (
      select pool, count(*) as replicas from replica
      where heartbeat_at > statement_timestamp() - ${leaseMs} * interval '1 millisecond' group by pool
    ), reserved as (
      select agent_id, count(*) as slots from attempt where closed_at is null group by agent_id
    ), crowd as (
      select a.reputation, 100.0 * coalesce(r.slots, 0) / (a.capacity * coalesce(l.replicas, 1)) as load
      from agent a left join live l on l.pool = a.pool left join reserved r on r.agent_id = a.id
      where a.status <> 'retired'
    )
    select statement_timestamp() as at, coalesce(avg(load), 0) as "avgLoadPercent",
           coalesce(max(load), 0) as "peakLoadPercent", avg(reputation) as "avgReputation",
           stddev_pop(reputation) as "reputationStdDev"
    from crowd`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('an aggregate without groups answered no row');
  return row;
}

async function countOpenings(db: Database): Promise<number> {
  const row = await db
    .selectFrom('opening')
    .select((eb) => eb.fn.countAll<number>().as('depth'))
    .executeTakeFirstOrThrow();
  return row.depth;
}
