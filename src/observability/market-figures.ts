import { Gauge, type Registry } from 'prom-client';
import type { MarketStats } from '../contracts/ledger.ts';

/** Over how long the figures look back. */
const FIGURES_WINDOW_MS = 3_600_000;
/** Scrapes within this time share one reading: several Prometheis cost the database no more than one. */
const FRESH_MS = 10_000;

type Figure = (stats: MarketStats) => number | null;
const inSeconds = (value: number | null) => (value === null ? null : value / 1_000);

const FIGURES: Readonly<Record<string, { help: string; of: Figure }>> = {
  tasks_per_second: { help: 'Tasks that ended', of: (stats) => stats.tasksPerSecond },
  task_duration_seconds: { help: 'Mean time from submission to end', of: (s) => inSeconds(s.avgTaskDurationMs) },
  task_success_ratio: { help: 'Share of ended tasks that were completed, 0-1', of: (stats) => stats.successRate },
  quality_points: { help: 'Mean quality of what was completed, 0-100', of: (stats) => stats.avgQuality },
  agent_load_percent: { help: 'Mean load of the agents now', of: (stats) => stats.avgAgentLoadPercent },
  peak_agent_load_percent: { help: 'Load of the busiest agent now', of: (stats) => stats.peakAgentLoadPercent },
  team_size_agents: { help: 'Mean size of teams', of: (stats) => stats.avgTeamSize },
  parallel_task_ratio: { help: 'Share of tasks with more than one subtask, 0-1', of: (s) => s.parallelExecutionRate },
  reputation_points: { help: 'Mean reputation of the agents now, 0-150', of: (stats) => stats.avgReputation },
  reputation_stddev_points: { help: 'Standard deviation of reputations now', of: (stats) => stats.reputationStdDev },
};

/**
 * The ten figures of `GET /v1/admin/stats` over the last hour as gauges, `swarmbid_market_…`, read when somebody scrapes. One
 * that has no value, or cannot be read, is NaN. Every process with the API shows the same: take one, not their sum.
 */
export function exposeMarketFigures(
  registry: Registry,
  read: (windowMs: number) => Promise<MarketStats>,
  nowMs: () => number = () => performance.now(),
): void {
  let readAtMs = -Infinity;
  let reading: Promise<MarketStats | undefined> = Promise.resolve(undefined);
  const fresh = () => {
    if (nowMs() - readAtMs >= FRESH_MS) {
      readAtMs = nowMs();
      reading = read(FIGURES_WINDOW_MS).catch(() => undefined);
    }
    return reading;
  };
  for (const [name, { help, of }] of Object.entries(FIGURES)) {
    new Gauge({
      name: `swarmbid_market_${name}`,
      help: `${help}; over the last hour where it is about tasks`,
      registers: [registry],
      async collect() {
        const stats = await fresh();
        this.set(stats === undefined ? NaN : (of(stats) ?? NaN));
      },
    });
  }
}
