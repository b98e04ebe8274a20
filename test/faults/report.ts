import { PROCESS_COUNT } from './site.ts';
import type { ChapterReport } from './suite.ts';

/** What `--json` prints as the last line. */
export interface Totals {
  seed: number;
  faults: number;
  tasks: number;
  lost: number;
  doubled: number;
  stuck: number;
  byFault: Record<string, number>;
}

export function totalsOf(seed: number, chapters: readonly ChapterReport[]): Totals {
  const byFault: Record<string, number> = {};
  for (const [name, times] of chapters.flatMap((one) => [...one.inflicted])) {
    byFault[name] = (byFault[name] ?? 0) + times;
  }
  const found = (counts: string) =>
    chapters
      .flatMap((one) => one.checks.filter((check) => check.counts === counts))
      .reduce((sum, check) => sum + check.found.length, 0);
  return {
    seed,
    faults: Object.values(byFault).reduce((sum, times) => sum + times, 0),
    tasks: chapters.reduce((sum, one) => sum + one.tasks, 0),
    lost: found('lost'),
    doubled: found('doubled'),
    stuck: found('stuck'),
    byFault,
  };
}

/** What did not hold, a line each; none is well. */
export function findings(chapters: readonly ChapterReport[]): string[] {
  return chapters.flatMap(({ name, drainedMs, checks }) => [
    ...(drainedMs === undefined ? [`${name}: did not come to rest`] : []),
    ...checks.flatMap(({ id, found }) => found.map((line) => `${name}: ${id} ${line}`)),
  ]);
}

/** Processes that were killed, by us or at a crash point, for which they are killed before. */
export function killsOf({ byFault }: Totals): number {
  const kills = (name: string) =>
    name === 'kill-all' ? PROCESS_COUNT : name.startsWith('kill-') ? 1 : name.startsWith('crash-') ? 2 : 0;
  return Object.entries(byFault).reduce((sum, [name, times]) => sum + times * kills(name), 0);
}

const SHOWN = 5;

export function describeChapter(chapter: ChapterReport): string[] {
  const { name, tasks, drainedMs, statuses, runs, repeated, inflicted, missed, checks } = chapter;
  const drained =
    drainedMs === undefined ? 'did not drain' : `drained ${(drainedMs / 1_000).toFixed(1)} s after the last fault`;
  return [
    `${name}: ${tasks} tasks, ${drained}; ${runs} runs of agents, ${repeated} subtasks ran more than once`,
    `  ended ${list(Object.entries(statuses))}`,
    `  inflicted ${list(inflicted)}`,
    ...(missed.size === 0 ? [] : [`  missed ${list(missed)}`]),
    ...checks.flatMap(({ id, says, found }) => [
      `  ${found.length === 0 ? 'holds ' : 'BROKEN'} ${id.padEnd(3)} ${says}`,
      ...found.slice(0, SHOWN).map((line) => `           ${line}`),
      ...(found.length > SHOWN ? [`           and ${found.length - SHOWN} more`] : []),
    ]),
  ];
}

function list(counts: Iterable<[string, number]>): string {
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
}
