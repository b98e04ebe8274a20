import Table from 'cli-table3';
import type { ProfileSummary } from './cpu-profile.ts';
import type { Machine } from './machine.ts';
import type { AnnounceFigures } from './measures/announce.ts';
import type { BurstFigures } from './measures/burst.ts';
import type { QueriesFigures } from './measures/queries.ts';
import type { QueueFigures } from './measures/queue.ts';
import type { SimpleFigures } from './measures/simple.ts';
import type { TeamFigures } from './measures/team.ts';

/** What `--json` prints, on one line; measures that were not asked for are absent. */
export interface Report {
  machine: Machine;
  quick: boolean;
  simple?: SimpleFigures;
  team?: TeamFigures;
  announce?: AnnounceFigures;
  burst?: BurstFigures;
  queue?: QueueFigures;
  queries?: QueriesFigures;
}

/** What is measured, the figure, and how. */
type Line = [what: string, figure: string, how: string];

const NOT_MEASURED = [
  'network: load, market and stores share one machine and its cores, and talk over loopback',
  'work: agents deliver at once or wait; a real agent computes, mostly elsewhere',
  'several orchestrators, large data, embedded mode, faults, days of running',
];

export function renderReport(report: Report): string {
  const lines = [
    ...(report.simple === undefined ? [] : simpleLines(report.simple)),
    ...(report.team === undefined ? [] : teamLines(report.team)),
    ...(report.announce === undefined ? [] : announceLines(report.announce)),
    ...(report.burst === undefined ? [] : burstLines(report.burst)),
    ...(report.queue === undefined ? [] : queueLines(report.queue)),
    ...(report.queries === undefined ? [] : queriesLines(report.queries)),
  ];
  const table = new Table({
    head: ['measured', 'figure', 'how'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [34, 32, 62],
  });
  table.push(...lines);
  return [
    machineLine(report),
    '',
    table.toString(),
    '',
    ...(report.simple === undefined ? [] : profileLines('market', report.simple.marketProfile)),
    ...(report.simple === undefined ? [] : profileLines('bare pipeline', report.simple.bareProfile)),
    'Not measured:',
    ...NOT_MEASURED.map((one) => `  ${one}`),
  ].join('\n');
}

function machineLine({ machine, quick }: Report): string {
  const { cores, cpu, memoryGb, system, node, postgres, redis, loadAverage } = machine;
  return (
    `${cores} cores (${cpu}), ${memoryGb} GB, ${system}; Node ${node}, PostgreSQL ${postgres} (fsync on), ` +
    `Redis ${redis} (no persistence); load average at the start ${loadAverage}${quick ? '; a quick run: few samples' : ''}`
  );
}

function simpleLines(figures: SimpleFigures): Line[] {
  const { method, spread } = figures;
  const load = `${method.runs} × ${method.tasksPerRun} tasks in turn with the bare pipeline, ${method.submitters} submitters over HTTP`;
  return [
    [
      'simple: market',
      `${figures.marketPerSecond}/s (${range(spread.marketPerSecond)})`,
      `${load}; ${method.agents} agents in ${method.pools} pools, ${method.skills} skills, 10 agents each; one process`,
    ],
    [
      'simple: bare pipeline',
      `${figures.barePerSecond}/s (${range(spread.barePerSecond)})`,
      'fastify → insert → BullMQ → worker → update; one process',
    ],
    ['simple: market / bare', `${figures.ratio} (${range(spread.ratio)})`, 'median of the ratios of neighbouring runs'],
    [
      'idle: market, p50',
      `${figures.marketP50Ms} ms (p95 ${spread.marketP95Ms})`,
      `POST to task.completed on the live feed, ${method.idleTasks} tasks one at a time`,
    ],
    [
      'idle: bare pipeline, p50',
      `${figures.bareP50Ms} ms (p95 ${spread.bareP95Ms})`,
      'POST to a socket event after the update',
    ],
  ];
}

function teamLines(figures: TeamFigures): Line[] {
  const { method } = figures;
  return [
    [
      'team: p50',
      `${figures.p50Ms} ms (p95 ${figures.p95Ms})`,
      `POST to completed, ${method.parts} parts of ${method.workMs} ms, ${method.idleTasks} tasks one at a time`,
    ],
    [
      'team: market',
      `${figures.marketPerSecond}/s`,
      `${method.runs} × ${method.tasksPerRun} tasks of ${method.parts} parts that take no time`,
    ],
    ['team: bare flow', `${figures.barePerSecond}/s`, `BullMQ flows of ${method.parts} jobs and their parent`],
    [
      'team: market / bare',
      `${figures.ratio} (${range(figures.spread.ratio)})`,
      'median of the ratios of neighbouring runs',
    ],
  ];
}

function announceLines({ large, small }: AnnounceFigures): Line[] {
  return [large, small].flatMap((one): Line[] => [
    [
      `announce to ${one.agents} agents`,
      `p50 ${one.p50Ms} ms, p99 ${one.p99Ms} ms`,
      `announced to awarded, ${one.tasks} tasks; ${one.withSkill} have the skill; ${one.pools} pool processes`,
    ],
    ['  messages', `${one.messagesPerAnnouncement} each`, 'the announcement and its replies, counted at Redis'],
  ]);
}

function burstLines(figures: BurstFigures): Line[] {
  return [
    [
      'burst',
      `${figures.completed} of ${figures.tasks} in ${figures.seconds} s`,
      'at once, at a market that has just begun to listen',
    ],
  ];
}

function queueLines(figures: QueueFigures): Line[] {
  const { method } = figures;
  return [
    [
      'queue: lost',
      `${figures.lost} of ${figures.tasks}`,
      `${figures.waiting} waited when all were in; ${method.agents} agents with one slot of ${method.workMs} ms; drained in ${figures.seconds} s`,
    ],
    ['queue: orchestrator', `${figures.orchestratorMb} MB at most`, 'resident, in a process of its own'],
  ];
}

function queriesLines(figures: QueriesFigures): Line[] {
  const size = `${figures.agents} agents, ${figures.entries} ledger entries, ${figures.requestsEach} requests one at a time`;
  const line = (what: string, { p50Ms, p95Ms }: { p50Ms: number; p95Ms: number }, how: string): Line => [
    what,
    `p50 ${p50Ms} ms, p95 ${p95Ms} ms`,
    how,
  ];
  return [
    line('leaderboard', figures.leaderboard, size),
    line('leaderboard of a skill', figures.leaderboardOfSkill, 'the same'),
    line('history of an agent', figures.history, 'the latest 200 entries'),
    line('history of a week', figures.historyOfWeek, 'a week in the middle of the month'),
    line('tiers', figures.tiers, 'with concentration'),
    line('movers', figures.movers, 'of 7 days'),
    line('stats', figures.stats, `of a minute, an hour and 90 days in turn, ${figures.tasks} ended tasks rolled up`),
  ];
}

function profileLines(name: string, { busyPercent, groups, functions }: ProfileSummary): string[] {
  return [
    `Where the time of the ${name} goes (thread busy ${busyPercent} %; self time, percent of busy):`,
    `  ${groups.map(({ group, percent }) => `${group} ${percent}`).join(' · ')}`,
    ...functions.map(({ name: label, percent }) => `  ${String(percent).padStart(5)}  ${label}`),
    '',
  ];
}

const range = ({ min, max }: { min: number; max: number }) => `${min}–${max}`;
