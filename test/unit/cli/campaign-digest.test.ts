import { describe, expect, test } from 'vitest';
import { campaignDigest } from '../../../src/cli/campaign-digest.ts';

const FINANCE = {
  currency: 'USD',
  allocated: 18_000,
  breakdown: { creative: 5_400, adSpend: 10_800, tools: 1_800 },
  costBySegment: [
    { segment: 'enterprise', requestedReach: 14_000, reach: 2_962, cost: 6_625 },
    { segment: 'startup', requestedReach: 8_000, reach: 1_693, cost: 5_500 },
  ],
  expected: { conversions: 120.3, revenue: 31_146.41 },
  roi: 0.2112,
  paybackMonths: 2.48,
  ratesFrom: 'insights',
};

const RATES = { openRate: 0.3, clickRate: 0.04, conversionRate: 0.005 };
const ANALYTICS = {
  rows: 3_000,
  overall: { ...RATES, sent: 1_000_000 },
  bySegment: [
    { segment: 'enterprise', ...RATES },
    { segment: 'startup', ...RATES, conversionRate: 0.0062 },
  ],
  byChannel: [{ channel: 'email', ...RATES }],
  bestSendTime: { weekday: 'Thursday', hour: 9, sent: 41_516, conversionRate: 0.0084 },
  trend: { months: [{}, {}], slopePerMonth: { openRate: 0.001, clickRate: -0.0002, conversionRate: 0 } },
};

const segment = (n: number) => ({
  segment: `s${n}`,
  subject: `Subject ${n}`,
  reach: 1_400,
  cost: 640,
  sendAt: 'Tuesday 10:00',
});
const MARKETING = { campaignName: 'Launch', currency: 'EUR', estimatedCost: 40_352, segments: [segment(1)] };

describe('campaignDigest', () => {
  test('of finance: the allocation, the reach that it pays for, what it should bring and when it is paid back', () => {
    expect(campaignDigest('finance', FINANCE)).toEqual([
      'allocation      18,000 USD: creative 5,400, advertising 10,800, tools 1,800',
      'reach           it pays for 4,655 of the 22,000 contacts asked for',
      'expected        120 conversions, 31,146 USD of revenue (rates from insights)',
      'return          ROI 21.1 %, paid back after 2.5 months',
    ]);
  });

  test('of finance that spends nothing and is never paid back: no figure is made up', () => {
    const lines = campaignDigest('finance', { ...FINANCE, roi: null, paybackMonths: null });
    expect(lines?.at(-1)).toBe('return          ROI –, never paid back');
  });

  test('of analytics: rates of all, the best segment, channel and send time, and the trend', () => {
    expect(campaignDigest('analytics', ANALYTICS)).toEqual([
      '3,000 past sendings, 1,000,000 sends: 30 % opened, 4 % clicked, 0.5 % converted',
      'best segment    startup: 0.62 % convert',
      'best channel    email: 0.5 % convert',
      'best send time  Thursday 09:00: 0.84 % of 41,516 sends convert',
      'trend           a month, over 2 months: opened +0.1 points, clicked −0.02 points, converted +0 points',
    ]);
  });

  test('of analytics without a best send time: that line is left out', () => {
    expect(campaignDigest('analytics', { ...ANALYTICS, bestSendTime: null })?.join('\n')).not.toContain('send time');
  });

  test('of marketing: each segment with its subject, reach and cost', () => {
    expect(campaignDigest('marketing', MARKETING)).toEqual([
      '"Launch" for 1 segment, estimated cost 40,352 EUR',
      's1              "Subject 1"',
      '                1,400 contacts, 640 EUR, send at Tuesday 10:00',
    ]);
  });

  test.each([
    [5, 0],
    [6, 1],
  ])('of marketing with %i segments: the first five, and %i counted', (count, more) => {
    const segments = Array.from({ length: count }, (_, index) => segment(index + 1));
    const lines = campaignDigest('marketing', { ...MARKETING, segments }) ?? [];
    expect(lines.filter((line) => line.includes('Subject'))).toHaveLength(5);
    expect(lines.includes(`… ${more} more segments`)).toBe(more > 0);
  });

  test('what an agent wrote cannot move the cursor or change colours', () => {
    const segments = [{ ...segment(1), subject: 'a\u001b[2Jb\nc' }];
    expect(campaignDigest('marketing', { ...MARKETING, segments })?.[1]).toBe('s1              "a [2Jb c"');
  });

  test.each([
    ['an unknown skill', 'poetry', FINANCE],
    ['another shape of a known skill', 'finance', { allocated: 'much' }],
    ['nothing', 'analytics', null],
    ['analytics that measured no row', 'analytics', { ...ANALYTICS, overall: null }],
  ])('%s has no digest', (_name, skill, value) => {
    expect(campaignDigest(skill, value)).toBeNull();
  });
});
