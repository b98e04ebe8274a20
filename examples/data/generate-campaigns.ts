/**
 * Writes `campaigns.csv`: two years of past campaigns that never took place. Run it again and the same bytes come out:
 * all randomness is a hash of a counter and `SEED`, and of `Math` only `sqrt` and `round` are used, which every
 * platform computes alike.
 *
 * What is planted, for the statistics to find again: base rates by segment and channel, a monthly trend by segment, and
 * one best weekday and hour by segment.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hash53 } from '../../src/util/hash.ts';

export const SEED = 20261121;
const ROWS = 3000;
const FIRST_DAY_MS = Date.UTC(2024, 10, 1);
const DAYS = 730;
const DAY_MS = 86_400_000;

const SEGMENTS = [
  { name: 'enterprise', share: 0.25, sent: 900, open: 0.24, trend: 0.012, weekday: 2, hour: 10, sale: 420 },
  { name: 'mid_market', share: 0.3, sent: 1400, open: 0.27, trend: 0.006, weekday: 3, hour: 9, sale: 180 },
  { name: 'startup', share: 0.3, sent: 1100, open: 0.31, trend: -0.005, weekday: 4, hour: 15, sale: 75 },
  { name: 'developer', share: 0.15, sent: 700, open: 0.22, trend: 0, weekday: 3, hour: 17, sale: 55 },
];
const CHANNELS = [
  { name: 'email', share: 0.7, open: 1, costPerSend: 0.012 },
  { name: 'sms', share: 0.15, open: 1.25, costPerSend: 0.045 },
  { name: 'in_app', share: 0.15, open: 0.8, costPerSend: 0.004 },
];
const HOURS = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((hour) => ({
  hour,
  share: hour >= 9 && hour <= 11 ? 0.12 : 0.064,
}));
const CLICKS_PER_OPEN = 0.14;
const CONVERSIONS_PER_CLICK = 0.14;

type Random = () => number;

/** Numbers from 0 up to, but not including, 1. */
function seededRandom(seed: number): Random {
  let counter = 0;
  return () => hash53(String(counter++), seed) / 2 ** 53;
}

function pick<Item extends { share: number }>(items: readonly Item[], random: Random): Item {
  let left = random() * items.reduce((sum, item) => sum + item.share, 0);
  const found = items.find((item) => (left -= item.share) < 0) ?? items.at(-1);
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

/** Roughly normal, mean 0, standard deviation 1: twelve uniform numbers, summed. */
function noise(random: Random): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
}

/** How many of `trials` succeed at `rate`: the binomial's mean and spread. */
function successes(trials: number, rate: number, random: Random): number {
  const spread = Math.sqrt(trials * rate * (1 - rate));
  return Math.min(trials, Math.max(0, Math.round(trials * rate + spread * noise(random))));
}

function timeFactor(segment: (typeof SEGMENTS)[number], weekday: number, hour: number): number {
  const weekend = weekday === 0 || weekday === 6 ? 0.6 : 1;
  const byWeekday = weekday === segment.weekday ? 1.3 : 1;
  const byHour = [1.7, 1.2, 1.05][Math.abs(hour - segment.hour)] ?? 1;
  return weekend * byWeekday * byHour;
}

function row(index: number, random: Random): string {
  const at = new Date(FIRST_DAY_MS + Math.floor((index * DAYS) / ROWS) * DAY_MS);
  const monthIndex = (at.getUTCFullYear() - 2024) * 12 + at.getUTCMonth() - 10;
  const segment = pick(SEGMENTS, random);
  const channel = pick(CHANNELS, random);
  const { hour } = pick(HOURS, random);
  const sent = Math.round(segment.sent * (0.6 + 0.8 * random()));
  const time = timeFactor(segment, at.getUTCDay(), hour);
  const openRate = segment.open * channel.open * (1 + segment.trend * monthIndex) * (1 + 0.06 * noise(random));
  const opened = successes(sent, Math.min(0.8, openRate * Math.sqrt(time)), random);
  const clicked = successes(opened, CLICKS_PER_OPEN, random);
  const converted = successes(clicked, CONVERSIONS_PER_CLICK * Math.sqrt(time), random);
  const revenue = converted * segment.sale * (0.75 + 0.5 * random());
  return [
    at.toISOString().slice(0, 10),
    segment.name,
    channel.name,
    hour,
    sent,
    opened,
    clicked,
    converted,
    Math.round(revenue),
    Math.round(sent * channel.costPerSend),
  ].join(',');
}

/** The whole file's text for a seed: a header and 3,000 rows, oldest first. */
export function generateCampaigns(seed: number = SEED): string {
  const random = seededRandom(seed);
  const lines = ['date,segment,channel,hour,sent,opened,clicked,converted,revenue,cost'];
  for (let index = 0; index < ROWS; index++) lines.push(row(index, random));
  return `${lines.join('\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('campaigns.csv', import.meta.url), generateCampaigns());
}
