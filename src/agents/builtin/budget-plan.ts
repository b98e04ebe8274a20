import { z } from 'zod';
import { segmentKey } from './campaign-brief.ts';
import { BUDGET_SHARES } from './campaign-costs.ts';
import { roundMoney, roundTo } from './rounding.ts';
import type { CampaignBrief } from './campaign-brief.ts';
import type { CampaignCosts } from './campaign-costs.ts';

const conversionSchema = z.object({
  conversionRate: z.number().min(0).max(1),
  revenuePerSend: z.number().min(-1e9).max(1e9).nullable().default(null),
});

/** What finance reads of insights' answer on `rates`. */
export const ratesAnswerSchema = z.object({
  segments: z.array(conversionSchema.extend({ segment: z.string() })),
  overall: conversionSchema.nullable(),
});
export type RatesAnswer = z.output<typeof ratesAnswerSchema>;

/** Taken where no history is to be had: cautious figures of our own, not of any market. */
export const DEFAULT_RATES = { conversionRate: 0.005, revenuePerSend: 0.5 };

/** The allocation's parts; they sum to it to the cent. */
export interface Breakdown {
  creative: number;
  adSpend: number;
  tools: number;
}

export interface PlannedSegment {
  segment: string;
  /** Contacts that the brief asks for. */
  requestedReach: number;
  /** Contacts that the allocation pays for. */
  reach: number;
  cost: number;
}

export interface Returns {
  expected: { conversions: number; revenue: number };
  /** (gross profit − cost) / cost, so 0.5 is 50 %; null where nothing is spent. */
  roi: number | null;
  /** Months until the gross profit has paid the cost; null where it never does. */
  paybackMonths: number | null;
}

export function breakDown(allocated: number): Breakdown {
  const creative = roundMoney(allocated * BUDGET_SHARES.creative);
  const adSpend = roundMoney(allocated * BUDGET_SHARES.adSpend);
  return { creative, adSpend, tools: roundMoney(allocated - creative - adSpend) };
}

/**
 * The requested reach, or, where the allocation does not pay for all of it, the same share of each segment's. Creative
 * work costs the same however few are reached, so it is paid first.
 */
export function planSegments(costs: CampaignCosts): { costBySegment: PlannedSegment[]; assumptions: string[] } {
  const creative = costs.segments.reduce((sum, segment) => sum + segment.creative, 0);
  const creativeShare = shareOf(creative, costs.allocated);
  const reachShare = shareOf(costs.total - creative, costs.allocated - creative);
  const costBySegment = costs.segments.map((segment) => ({
    segment: segment.segment,
    requestedReach: segment.reach,
    reach: Math.floor(segment.reach * reachShare),
    cost: floorMoney(segment.creative * creativeShare + (segment.advertising + segment.sending) * reachShare),
  }));
  if (costs.total <= costs.allocated) return { costBySegment, assumptions: [] };
  const shortfall =
    `The requested reach costs ${costs.total}, but ${costs.allocated} are allocated: ` +
    `after creative work they pay for ${roundTo(100 * reachShare, 1)} % of it.`;
  return { costBySegment, assumptions: [shortfall] };
}

/** The part of a cost that this money pays, 0–1. */
function shareOf(cost: number, money: number): number {
  return cost <= money ? 1 : Math.max(0, money / cost);
}

/** What the planned sends should bring at these rates; a segment without a history of its own has the overall rates. */
export function expectedReturns(
  brief: CampaignBrief,
  segments: readonly PlannedSegment[],
  rates: RatesAnswer,
): Returns {
  const bySegment = new Map(rates.segments.map((own) => [segmentKey(own.segment), own]));
  let conversions = 0;
  let revenue = 0;
  for (const { segment, reach } of segments) {
    const own = bySegment.get(segmentKey(segment)) ?? rates.overall ?? DEFAULT_RATES;
    const sends = reach * brief.sendsPerContact;
    conversions += sends * own.conversionRate;
    revenue += sends * (own.revenuePerSend ?? DEFAULT_RATES.revenuePerSend);
  }
  const cost = segments.reduce((sum, segment) => sum + segment.cost, 0);
  return {
    expected: { conversions: roundTo(conversions, 1), revenue: roundMoney(revenue) },
    ...profitability(cost, revenue * (brief.grossMarginPercent / 100), brief.campaignMonths),
  };
}

function profitability(cost: number, grossProfit: number, months: number): Pick<Returns, 'roi' | 'paybackMonths'> {
  return {
    roi: cost === 0 ? null : roundTo((grossProfit - cost) / cost, 4),
    paybackMonths: grossProfit < 0.01 ? null : roundTo(cost / (grossProfit / months), 2),
  };
}

/** Down to the cent, so that a plan never exceeds what it was cut to; forgiving the noise of binary fractions. */
function floorMoney(amount: number): number {
  return Math.floor(roundTo(amount * 100, 4)) / 100;
}
