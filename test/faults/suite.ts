import { setTimeout as delay } from 'node:timers/promises';
import { runChecks, type CheckResult } from './checks.ts';
import { Driver } from './driver.ts';
import type { FaultKind, Scene } from './fault.ts';
import { History } from './history.ts';
import type { Chapter } from './plan.ts';
import { Random } from './random.ts';
import { Site } from './site.ts';

/** After healing, everything must be at its end within this time, unless told otherwise: what is stuck is so for ever, and a busy machine is slow. */
const PATIENCE_MS = 300_000;
const POLL_MS = 100;
const SUBMIT_EVERY_MS = 120;
const CHECK_EVERY_MS = 10_000;
/** Faults that lie in wait at once. */
const MAX_BEHIND = 3;

export interface ChapterReport {
  name: string;
  tasks: number;
  /** How often each kind was inflicted. */
  inflicted: Map<string, number>;
  /** Planned, but the time was up, or what they lie in wait for did not come by. */
  missed: Map<string, number>;
  checks: CheckResult[];
  /** From the end of the last fault until nothing was left to do; undefined if that did not come. */
  drainedMs: number | undefined;
  statuses: Record<string, number>;
  /** Runs of agents, and subtasks that ran more than once. */
  runs: number;
  repeated: number;
}

export interface SuiteOptions {
  root: string;
  seed: number;
  chapters: readonly Chapter[];
  /** For how long faults are inflicted, from when the market is up. */
  attackMs: number;
  leaseMs: number;
  patienceMs?: number;
  say: (line: string) => void;
}

/** Runs the chapters on one market, one after another. `before` may use it while it is whole. */
export async function runSuite(
  options: SuiteOptions,
  before?: (site: Site) => Promise<void>,
): Promise<ChapterReport[]> {
  const { root, leaseMs, say } = options;
  const site = await Site.start({ root, leaseMs });
  try {
    await before?.(site);
    const reports: ChapterReport[] = [];
    const random = new Random(options.seed);
    const endMs = performance.now() + options.attackMs;
    for (const [index, chapter] of options.chapters.entries()) {
      say(`chapter ${chapter.name}`);
      // An equal share of the time that is left.
      const leftMs = endMs - performance.now();
      const untilMs = performance.now() + leftMs / (options.chapters.length - index);
      reports.push(await runChapter(chapter, site, random.fork(), untilMs, options));
    }
    return reports;
  } finally {
    await site.stop();
  }
}

async function runChapter(
  chapter: Chapter,
  site: Site,
  random: Random,
  untilMs: number,
  options: SuiteOptions,
): Promise<ChapterReport> {
  const history = new History();
  const driver = new Driver(site, random.fork(), history, chapter.name);
  await driver.start(SUBMIT_EVERY_MS);
  const runsBefore = (await site.runs()).length;
  const guard = watchSafety({ site, history });
  const scene: Scene = { site, driver, random: random.fork() };
  const { inflicted, missed } = await inflictAll(schedule(chapter, random), scene, untilMs, options.say);
  site.heal();
  const healedAt = performance.now();
  await site.allUp();
  await driver.finish();
  const drained = await drain(site, driver, options.patienceMs ?? PATIENCE_MS);
  const drainedMs = drained ? performance.now() - healedAt : undefined;
  if (drained) await driver.readAll();
  const during = await guard.stop();
  const checks = merge(await runChecks({ site, history }, 'healed'), during);
  driver.close();
  for (const one of site.processes) one.forget();
  const runs = (await site.runs()).slice(runsBefore);
  const byKey = [...Map.groupBy(runs, (run) => run.key).values()];
  return {
    name: chapter.name,
    tasks: history.acknowledgedOnes().length,
    inflicted,
    missed,
    checks,
    drainedMs,
    statuses: await statuses(site, chapter.name),
    runs: runs.length,
    repeated: byKey.filter((all) => all.length > 1).length,
  };
}

function schedule(chapter: Chapter, random: Random): FaultKind[] {
  return random.shuffled(chapter.faults.flatMap(({ kind, times }) => Array.from({ length: times }, () => kind)));
}

async function inflictAll(faults: readonly FaultKind[], scene: Scene, untilMs: number, say: SuiteOptions['say']) {
  const inflicted = new Map<string, number>();
  const missed = new Map<string, number>();
  const inflict = async (fault: FaultKind) => {
    const startedMs = performance.now();
    const done = startedMs < untilMs && (await fault.inflict(scene));
    const counts = done ? inflicted : missed;
    counts.set(fault.name, (counts.get(fault.name) ?? 0) + 1);
    say(`  ${done ? 'inflicted' : 'missed   '} ${fault.name} (${Math.round(performance.now() - startedMs)} ms)`);
  };
  const behind = new Set<Promise<void>>();
  for (const fault of faults) {
    const inflicting = inflict(fault);
    if (fault.background !== true) {
      await inflicting;
      continue;
    }
    behind.add(inflicting);
    void inflicting.finally(() => behind.delete(inflicting));
    if (behind.size >= MAX_BEHIND) await Promise.race(behind);
  }
  await Promise.all(behind);
  return { inflicted, missed };
}

/** Checks again and again what must hold at any time. */
function watchSafety(evidence: { site: Site; history: History }): { stop(): Promise<CheckResult[]> } {
  const found: CheckResult[] = [];
  const ending = new AbortController();
  const watch = async () => {
    while (!ending.signal.aborted) {
      await delay(CHECK_EVERY_MS, undefined, { signal: ending.signal }).catch(() => undefined);
      // PostgreSQL may be away
      found.push(...(await runChecks(evidence, 'anytime').catch(() => [])));
    }
  };
  const watching = watch();
  return {
    stop: async () => {
      ending.abort();
      await watching;
      return found;
    },
  };
}

function merge(final: readonly CheckResult[], during: readonly CheckResult[]): CheckResult[] {
  return final.map((check) => {
    const earlier = during.filter((one) => one.id === check.id).flatMap((one) => one.found);
    return { ...check, found: [...new Set([...check.found, ...earlier])] };
  });
}

/** True when nothing is left to do and every watcher has seen all of it. */
async function drain(site: Site, driver: Driver, patienceMs: number): Promise<boolean> {
  const untilMs = performance.now() + patienceMs;
  while (performance.now() < untilMs) {
    const [rest] = await site.postgres.ask<{ left: number }>(`
      select ((select count(*) from task where finished_at is null) + (select count(*) from outbox)
        + (select count(*) from attempt where changes > seen) + (select count(*) from ledger where not told))::int as left`);
    if (rest?.left === 0) {
      const rows = await site.postgres.ask<{ id: string; seq: number }>('select id, event_seq as seq from task');
      if (driver.watchersHave(new Map(rows.map((row) => [row.id, row.seq])))) return true;
    }
    await delay(POLL_MS);
  }
  return false;
}

async function statuses(site: Site, chapter: string): Promise<Record<string, number>> {
  const rows = await site.postgres.ask<{ status: string; count: number }>(
    `select status, count(*)::int as count from task where data ->> 'token' like $1 group by status order by status`,
    [`canary-%-${chapter}-%`],
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}
