import { linearRegression } from 'simple-statistics';
import { hash53 } from '../../util/hash.ts';
import { campaignHistoryOf } from './campaign-history.ts';
import { roundMoney, roundTo } from './rounding.ts';
import { bestSendTime, MIN_SLOT_SENDS } from './send-time.ts';
import { sharedWork } from './shared-work.ts';
import { nextTurn } from './turns.ts';
import type { CampaignHistory, CampaignRow } from './campaign-history.ts';
import type { BestSendTime } from './send-time.ts';
import type { Tell } from './shared-work.ts';

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
const shared = sharedWork<CampaignStatistics>(REMEMBERED_TASKS);
/** Of the whole work, what reading the file was when measured: three quarters. */
const READING_PERCENT = 75;

/**
 * What the past campaigns in a task's data say. Computed once for a task and its text, for the subtask and for all
 * who ask meanwhile; the same numbers either way. `tell` hears how far it is, until it is done.
 * @throws Error if there is a CSV that cannot be used
 */
export async function statisticsOfTask(
  taskId: string,
  data: Record<string, unknown>,
  tell?: Tell,
): Promise<CampaignStatistics> {
  const text = data['campaignsCsv'] ?? data['csv'];
  if (typeof text !== 'string') return measure(await campaignHistoryOf(data), () => undefined);
  return shared(`${taskId} ${hash53(text)}`, (tellAll) => readAndMeasure(data, tellAll), tell);
}

async function readAndMeasure(data: Record<string, unknown>, tell: Tell): Promise<CampaignStatistics> {
  const history = await campaignHistoryOf(data, (rows, share) => {
    tell(READING_PERCENT * share, `${rows} rows read`);
  });
  return measure(history, tell);
}

/** Segments and channels in order of their sends, most first. One step of it at a time, others have a turn between two. */
async function measure(history: CampaignHistory | null, tell: Tell): Promise<CampaignStatistics> {
  const rows = history?.rows ?? [];
  const segments = groups(rows, (row) => row.segment);
  const channels = groups(rows, (row) => row.channel);
  const step = stepsOf(segments.length + channels.length + 2, tell);
  const bySegment: CampaignStatistics['bySegment'] = [];
  for (const [segment, own] of segments) {
    bySegment.push(await step(`segment ${segment} measured`, () => segmentRates(segment, own)));
  }
  const byChannel: CampaignStatistics['byChannel'] = [];
  for (const [channel, own] of channels) {
    byChannel.push(await step(`channel ${channel} measured`, () => ({ channel, ...ratesOf(own) })));
  }
  const trend = await step('trend measured', () => trendOf(rows));
  const best = await step('best send time found', () => bestSendTime(rows));
  return {
    rows: rows.length,
    bySegment,
    byChannel,
    trend,
    bestSendTime: best,
    overall: rows.length === 0 ? null : ratesOf(rows),
    assumptions: assumptionsOf(history, best),
  };
}

/** Each step does its work in a turn of its own, and is then told as an equal share of what follows the reading. */
function stepsOf(count: number, tell: Tell): <Value>(note: string, work: () => Value) => Promise<Value> {
  let done = 0;
  return async (note, work) => {
    await nextTurn();
    const value = work();
    done += 1;
    tell(READING_PERCENT + ((100 - READING_PERCENT) * done) / count, note);
    return value;
  };
}

function segmentRates(segment: string, rows: readonly CampaignRow[]): SegmentRates {
  return {
    segment,
    ...ratesOf(rows),
    openRateSlopePerMonth: slope(monthsOf(rows), 'openRate'),
    bestSendTime: bestSendTime(rows),
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
