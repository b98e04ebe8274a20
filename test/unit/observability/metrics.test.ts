import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { MarketStats } from '../../../src/contracts/ledger.ts';
import { exposeMarketFigures } from '../../../src/observability/market-figures.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';

const STATS: MarketStats = {
  windowMs: 3_600_000,
  at: '2026-11-21T10:00:00.000Z',
  tasksPerSecond: 0.5,
  avgTaskDurationMs: 1_500,
  successRate: 0.75,
  avgQuality: null,
  avgAgentLoadPercent: 25,
  peakAgentLoadPercent: 100,
  avgTeamSize: 2,
  parallelExecutionRate: 0.5,
  avgReputation: 104,
  reputationStdDev: 3,
  tasksByStatus: {},
  queueDepth: 0,
};

async function figuresOf(read: () => Promise<MarketStats>): Promise<Record<string, number>> {
  const { registry } = createMetrics();
  exposeMarketFigures(registry, read);
  const figures: Record<string, number> = {};
  for (const [, name = '', value] of (await registry.metrics()).matchAll(/^swarmbid_market_(\w+) (\S+)$/gm)) {
    figures[name] = Number(value);
  }
  return figures;
}

test('the ten figures of the market are gauges with their units in their names; one without a value is NaN', async () => {
  expect(await figuresOf(() => Promise.resolve(STATS))).toEqual({
    tasks_per_second: 0.5,
    task_duration_seconds: 1.5,
    task_success_ratio: 0.75,
    quality_points: NaN,
    agent_load_percent: 25,
    peak_agent_load_percent: 100,
    team_size_agents: 2,
    parallel_task_ratio: 0.5,
    reputation_points: 104,
    reputation_stddev_points: 3,
  });
});

test('figures that cannot be read are NaN, and do not keep the other metrics from a scrape', async () => {
  const figures = await figuresOf(() => Promise.reject(new Error('the database is gone')));
  expect(Object.values(figures)).toEqual(Array.from({ length: 10 }, () => NaN));
});

test('scrapes within ten seconds share one reading; the next one reads again', async () => {
  let nowMs = 0;
  let readings = 0;
  const { registry } = createMetrics();
  const read = () => Promise.resolve({ ...STATS, tasksPerSecond: ++readings });
  exposeMarketFigures(registry, read, () => nowMs);
  await Promise.all([registry.metrics(), registry.metrics()]);
  nowMs = 9_999;
  await registry.metrics();
  expect(readings).toBe(1);
  nowMs = 10_000;
  expect(await registry.metrics()).toContain('swarmbid_market_tasks_per_second 2');
});

const DEPLOYED = new URL('../../../deploy/observability/', import.meta.url);
const dashboardSchema = z.object({
  panels: z.array(z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).min(1) })).min(1),
});
const alertsSchema = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string(), expr: z.string() })).min(1) })).min(1),
});

/** Series that a scrape has, by the names under which they are asked for. */
async function seriesNames(): Promise<Set<string>> {
  const { registry } = createMetrics();
  exposeMarketFigures(registry, () => Promise.resolve(STATS));
  const parts = { histogram: ['_bucket', '_sum', '_count'], summary: ['', '_sum', '_count'] };
  const text = await registry.metrics();
  return new Set(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type = '']) =>
      (type in parts ? parts[type as keyof typeof parts] : ['']).map((part) => name + part),
    ),
  );
}

const metricsIn = (expression: string) => expression.match(/\b(?:swarmbid|nodejs|process)_\w+/g) ?? [];

test.each([
  [
    'grafana-dashboard.json',
    (text: string) => dashboardSchema.parse(JSON.parse(text)).panels.flatMap((panel) => panel.targets),
  ],
  ['alerts.yml', (text: string) => alertsSchema.parse(parse(text)).groups.flatMap((group) => group.rules)],
])('%s asks for metrics that /metrics has, in every expression', async (file, expressionsOf) => {
  const known = await seriesNames();
  const expressions = expressionsOf(await readFile(new URL(file, DEPLOYED), 'utf8')).map(({ expr }) => expr);
  expect(expressions.filter((expression) => metricsIn(expression).length === 0)).toEqual([]);
  expect(expressions.flatMap(metricsIn).filter((name) => !known.has(name))).toEqual([]);
});
