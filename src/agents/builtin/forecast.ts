import { linearRegression, linearRegressionLine, rSquared } from 'simple-statistics';
import { z } from 'zod';
import { statisticsOfTask } from './campaign-statistics.ts';
import { MAX_NUMBER, roundTo } from './rounding.ts';
import type { SubtaskInput } from '../../contracts/agent-definition.ts';
import type { WorkOutput } from './skill-work.ts';

const MAX_POINTS = 10_000;
const seriesSchema = z.array(z.number().min(-MAX_NUMBER).max(MAX_NUMBER)).max(MAX_POINTS);
const periodsSchema = z.number().int().min(1).max(120);
const DEFAULT_PERIODS = 3;

/**
 * Goes on with a straight line through `data.series` (numbers at equal distances), or through the monthly revenue of
 * the past campaigns, for `data.periods` more steps.
 */
export async function forecastSeries(subtask: Pick<SubtaskInput, 'taskId' | 'data'>): Promise<WorkOutput> {
  const periods = periodsOf(subtask.data);
  const { series, source, assumptions } = await seriesOf(subtask);
  if (series.length < 2) {
    const tooShort = `A line needs two points; ${series.length} given (data.series): nothing is forecast.`;
    return { source, points: series.length, forecast: [], assumptions: [...assumptions, tooShort] };
  }
  const points = series.map((value, index) => [index, value]);
  const line = linearRegression(points);
  const at = linearRegressionLine(line);
  return {
    source,
    points: series.length,
    slopePerPeriod: roundTo(line.m, 6),
    fit: fitOf(points, at),
    forecast: Array.from({ length: periods }, (_, step) => roundTo(at(series.length + step), 4)),
    assumptions: [...assumptions, 'The coming periods go on as a straight line through the past ones.'],
  };
}

/** The share of the variance that the line explains, 0–1; 1 where there is no variance. */
function fitOf(points: number[][], at: (index: number) => number): number {
  const fit = rSquared(points, at);
  return Number.isFinite(fit) ? roundTo(fit, 6) : 1;
}

function periodsOf(data: Record<string, unknown>): number {
  const read = periodsSchema.safeParse(data['periods'] ?? DEFAULT_PERIODS);
  if (!read.success) throw new Error('data.periods must be a whole number from 1 to 120');
  return read.data;
}

async function seriesOf({ taskId, data }: Pick<SubtaskInput, 'taskId' | 'data'>): Promise<{
  series: number[];
  source: string;
  assumptions: string[];
}> {
  if (data['series'] !== undefined && data['series'] !== null) {
    const read = seriesSchema.safeParse(data['series']);
    if (!read.success)
      throw new Error(`data.series must be a list of at most ${MAX_POINTS} numbers up to ${MAX_NUMBER}`);
    return { series: read.data, source: 'data.series', assumptions: [] };
  }
  const { trend, rows } = await statisticsOfTask(taskId, data);
  const monthly = trend.months.map((month) => month.revenue).filter((revenue) => revenue !== null);
  if (monthly.length > 0) return { series: monthly, source: 'monthly revenue of the past campaigns', assumptions: [] };
  const noRevenue = rows > 0 ? ['The past campaigns name no revenue.'] : [];
  return { series: [], source: 'none', assumptions: noRevenue };
}
