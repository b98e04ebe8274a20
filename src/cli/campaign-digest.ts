/**
 * Deliveries of the built-in campaign skills in a few telling lines. Any agent may deliver another shape: what is not
 * recognised is left to the general rendering.
 */
import { z } from 'zod';
import { formatAmount, formatNumber, formatShare, formatSigned, printable } from './format.ts';

const SHOWN_SEGMENTS = 5;

/** What a text of strangers may hold is made fit for a terminal. */
const text = z.string().transform(printable);
const rates = z.object({ openRate: z.number(), clickRate: z.number(), conversionRate: z.number() });
const slot = z.object({ weekday: text, hour: z.number(), sent: z.number(), conversionRate: z.number() });

const analyticsSchema = z.object({
  rows: z.number(),
  overall: rates.extend({ sent: z.number() }),
  bySegment: z.array(rates.extend({ segment: text })),
  byChannel: z.array(rates.extend({ channel: text })),
  bestSendTime: slot.nullable(),
  trend: z.object({ months: z.array(z.unknown()), slopePerMonth: rates }),
});

const financeSchema = z.object({
  currency: text,
  allocated: z.number(),
  breakdown: z.object({ creative: z.number(), adSpend: z.number(), tools: z.number() }),
  costBySegment: z.array(z.object({ requestedReach: z.number(), reach: z.number() })),
  expected: z.object({ conversions: z.number(), revenue: z.number() }),
  roi: z.number().nullable(),
  paybackMonths: z.number().nullable(),
  ratesFrom: text,
});

const marketingSchema = z.object({
  campaignName: text,
  currency: text,
  estimatedCost: z.number(),
  segments: z
    .array(z.object({ segment: text, subject: text, reach: z.number(), cost: z.number(), sendAt: text }))
    .min(1),
});

const digests = new Map<string, (value: unknown) => string[] | null>([
  ['analytics', digest(analyticsSchema, analyticsLines)],
  ['finance', digest(financeSchema, financeLines)],
  ['marketing', digest(marketingSchema, marketingLines)],
  ['email_campaigns', digest(marketingSchema, marketingLines)],
]);

/** The delivery's digest; null for a skill, or a shape, that has none. */
export function campaignDigest(skill: string, value: unknown): string[] | null {
  return digests.get(skill)?.(value) ?? null;
}

function digest<Value>(schema: z.ZodType<Value>, lines: (value: Value) => string[]) {
  return (value: unknown): string[] | null => {
    const read = schema.safeParse(value);
    return read.success ? lines(read.data) : null;
  };
}

function analyticsLines({
  rows,
  overall,
  bySegment,
  byChannel,
  bestSendTime,
  trend,
}: z.output<typeof analyticsSchema>) {
  const lines = [
    `${formatAmount(rows)} past sendings, ${formatAmount(overall.sent)} sends: ${formatShare(overall.openRate)} opened, ` +
      `${formatFineShare(overall.clickRate)} clicked, ${formatFineShare(overall.conversionRate)} converted`,
  ];
  const segment = best(bySegment);
  if (segment !== undefined)
    lines.push(`best segment    ${segment.segment}: ${formatFineShare(segment.conversionRate)} convert`);
  const channel = best(byChannel);
  if (channel !== undefined)
    lines.push(`best channel    ${channel.channel}: ${formatFineShare(channel.conversionRate)} convert`);
  if (bestSendTime !== null) {
    const hour = String(bestSendTime.hour).padStart(2, '0');
    const converted = `${formatFineShare(bestSendTime.conversionRate)} of ${formatAmount(bestSendTime.sent)} sends convert`;
    lines.push(`best send time  ${bestSendTime.weekday} ${hour}:00: ${converted}`);
  }
  const { openRate, clickRate, conversionRate } = trend.slopePerMonth;
  lines.push(
    `trend           a month, over ${trend.months.length} months: opened ${points(openRate)}, clicked ${points(clickRate)}, ` +
      `converted ${points(conversionRate)}`,
  );
  return lines;
}

function financeLines(plan: z.output<typeof financeSchema>) {
  const { currency, allocated, breakdown, costBySegment, expected, roi, paybackMonths } = plan;
  const reach = costBySegment.reduce((sum, segment) => sum + segment.reach, 0);
  const requested = costBySegment.reduce((sum, segment) => sum + segment.requestedReach, 0);
  const payback =
    paybackMonths === null ? 'never paid back' : `paid back after ${formatNumber(paybackMonths, 1)} months`;
  return [
    `allocation      ${formatAmount(allocated)} ${currency}: creative ${formatAmount(breakdown.creative)}, ` +
      `advertising ${formatAmount(breakdown.adSpend)}, tools ${formatAmount(breakdown.tools)}`,
    `reach           it pays for ${formatAmount(reach)} of the ${formatAmount(requested)} contacts asked for`,
    `expected        ${formatAmount(expected.conversions)} conversions, ${formatAmount(expected.revenue)} ${currency} of revenue ` +
      `(rates from ${plan.ratesFrom})`,
    `return          ROI ${formatShare(roi)}, ${payback}`,
  ];
}

function marketingLines({ campaignName, currency, estimatedCost, segments }: z.output<typeof marketingSchema>) {
  const shown = segments.slice(0, SHOWN_SEGMENTS);
  return [
    `"${campaignName}" for ${segments.length} ${segments.length === 1 ? 'segment' : 'segments'}, ` +
      `estimated cost ${formatAmount(estimatedCost)} ${currency}`,
    ...shown.flatMap(({ segment, subject, reach, cost, sendAt }) => [
      `${segment.padEnd(15)} "${subject}"`,
      `${' '.repeat(15)} ${formatAmount(reach)} contacts, ${formatAmount(cost)} ${currency}, send at ${sendAt.replace(/(?<=\d)T/, ' ')}`,
    ]),
    ...(segments.length > SHOWN_SEGMENTS ? [`… ${segments.length - SHOWN_SEGMENTS} more segments`] : []),
  ];
}

function best<Row extends { conversionRate: number }>(rows: readonly Row[]): Row | undefined {
  return rows.toSorted((a, b) => b.conversionRate - a.conversionRate)[0];
}

/** Conversions are a fraction of a percent: two decimals. */
function formatFineShare(share: number): string {
  return `${formatNumber(100 * share, 2)} %`;
}

/** A change of a share, in percentage points. */
function points(change: number): string {
  return `${formatSigned(100 * change, 3)} points`;
}
