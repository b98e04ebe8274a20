import { linearRegression } from 'simple-statistics';
import { hash53 } from '../../util/hash.ts';
import { boundedMemo } from './bounded-memo.ts';
import { campaignHistoryOf } from './campaign-history.ts';
import { roundMoney, roundTo } from './rounding.ts';
import { bestSendTime, MIN_SLOT_SENDS } from './send-time.ts';
import type { CampaignHistory, CampaignRow } from './campaign-history.ts';
import type { BestSendTime } from './send-time.ts';

/** Rates are per send, 0–1, so that they multiply with a number of sends. */
export interface Rates {
  rows: number;
  sent: number;
  openRate: number;
  clickRate: number;
  conversionRate: number;
  /** Null where the history has no revenue. */
  revenuePerSend: number | null;
}

export interface SegmentRates extends Rates {
  segment: string;
  /** Change of the open rate from month to month: the slope of a straight line through the months. */
  openRateSlopePerMonth: number;
  bestSendTime: BestSendTime | null;
}

export interface MonthRates extends Rates {
  /** `YYYY-MM`. */
  month: string;
  revenue: number | null;
}

type TrendRate = 'openRate' | 'clickRate' | 'conversionRate';

export interface Trend {
  months: MonthRates[];
  /** Change of each rate from month to month: slopes of straight lines through the months. */
  slopePerMonth: Record<TrendRate, number>;
}

export interface CampaignStatistics {
  rows: number;
  bySegment: SegmentRates[];
  byChannel: (Rates & { channel: string })[];
  trend: Trend;
  bestSendTime: BestSendTime | null;
  overall: Rates | null;
  assumptions: string[];
}

const REMEMBERED_TASKS = 32;
const remembered = boundedMemo<CampaignStatistics>(REMEMBERED_TASKS);

/**
 * What the past campaigns in a task's data say. Computed once for a task and its text, for the subtask and for all
 * who ask meanwhile; the same numbers either way.
 * @throws Error if there is a CSV that cannot be used
 */
export function statisticsOfTask(taskId: string, data: Record<string, unknown>): CampaignStatistics {
  const text = data['campaignsCsv'] ?? data['csv'];
  if (typeof text !== 'string') return campaignStatistics(campaignHistoryOf(data));
  return remembered(`${taskId} ${hash53(text)}`, () => campaignStatistics(campaignHistoryOf(data)));
}

/** Segments and channels in order of their sends, most first. */
function campaignStatistics(history: CampaignHistory | null): CampaignStatistics {
  const rows = history?.rows ?? [];
  const best = bestSendTime(rows);
  return {
    rows: rows.length,
    bySegment: groups(rows, (row) => row.segment).map(([segment, own]) => ({
      segment,
      ...ratesOf(own),
      openRateSlopePerMonth: slope(monthsOf(own), 'openRate'),
      bestSendTime: bestSendTime(own),
    })),
    byChannel: groups(rows, (row) => row.channel).map(([channel, own]) => ({ channel, ...ratesOf(own) })),
    trend: trendOf(rows),
    bestSendTime: best,
    overall: rows.length === 0 ? null : ratesOf(rows),
    assumptions: assumptionsOf(history, best),
  };
}

function assumptionsOf(history: CampaignHistory | null, best: BestSendTime | null): string[] {
  if (history === null) return ['No past campaigns were given (data.campaignsCsv): nothing was measured.'];
  const skipped = `${history.skippedRows} rows with missing or impossible values were left out.`;
  const noBest = `No weekday and hour has ${MIN_SLOT_SENDS} sends or more: no best send time is named.`;
  return [...(history.skippedRows > 0 ? [skipped] : []), ...(best === null ? [noBest] : [])];
}

function groups(rows: readonly CampaignRow[], keyOf: (row: CampaignRow) => string): [string, CampaignRow[]][] {
  return [...Map.groupBy(rows, keyOf)].sort(([a, ofA], [b, ofB]) => sentOf(ofB) - sentOf(ofA) || (a < b ? -1 : 1));
}

function sentOf(rows: readonly CampaignRow[]): number {
  return rows.reduce((sum, row) => sum + row.sent, 0);
}

function revenueOf(rows: readonly CampaignRow[]): number | null {
  return rows.reduce<number | null>((sum, { revenue }) => (revenue === null ? sum : (sum ?? 0) + revenue), null);
}

function ratesOf(rows: readonly CampaignRow[]): Rates {
  const sent = sentOf(rows);
  const perSend = (count: (row: CampaignRow) => number): number =>
    roundTo(rows.reduce((sum, row) => sum + count(row), 0) / sent, 6);
  const revenue = revenueOf(rows);
  return {
    rows: rows.length,
    sent,
    openRate: perSend((row) => row.opened),
    clickRate: perSend((row) => row.clicked),
    conversionRate: perSend((row) => row.converted),
    revenuePerSend: revenue === null ? null : roundTo(revenue / sent, 6),
  };
}

function monthsOf(rows: readonly CampaignRow[]): MonthRates[] {
  return [...Map.groupBy(rows, (row) => row.date.slice(0, 7))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([month, own]) => {
      const revenue = revenueOf(own);
      return { month, ...ratesOf(own), revenue: revenue === null ? null : roundMoney(revenue) };
    });
}

function trendOf(rows: readonly CampaignRow[]): Trend {
  const months = monthsOf(rows);
  return {
    months,
    slopePerMonth: {
      openRate: slope(months, 'openRate'),
      clickRate: slope(months, 'clickRate'),
      conversionRate: slope(months, 'conversionRate'),
    },
  };
}

/** Per calendar month, so that a month without a campaign leaves a gap and does not bend the line. */
function slope(months: readonly MonthRates[], rate: TrendRate): number {
  if (months.length < 2) return 0;
  return roundTo(linearRegression(months.map((row) => [monthNumber(row.month), row[rate]])).m, 8);
}

function monthNumber(month: string): number {
  return Number(month.slice(0, 4)) * 12 + Number(month.slice(5, 7));
}
