import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakDown, planSegments } from '../../../src/agents/builtin/budget-plan.ts';
import { readCampaignBrief } from '../../../src/agents/builtin/campaign-brief.ts';
import { priceCampaign } from '../../../src/agents/builtin/campaign-costs.ts';
import { deliver, messageTo } from './fake-team.ts';
import type { Progress } from './fake-team.ts';

const campaignsCsv = [
  'date,segment,channel,hour,sent,opened,clicked,converted,revenue',
  '2026-01-06,enterprise,email,10,1000,300,60,30,3000',
  '2026-02-04,startup,sms,15,2000,200,40,10,500',
].join('\n');

const brief = {
  product: 'Meridian',
  segments: [
    { segment: 'enterprise', reach: 1000 },
    { segment: 'startup', reach: 2000 },
  ],
  budget: 10_000,
  currency: 'EUR',
  unitCosts: { creativePerSegment: 500, advertisingPerContact: 1, perSend: 0.1 },
  sendsPerContact: 2,
  grossMarginPercent: 50,
  campaignMonths: 2,
};
const team = ['insights'];

describe('finance', () => {
  it('allocates the budget 30 % to creative work, 60 % to advertising, 10 % to tools', async () => {
    expect(await deliver(['finance'], { brief }, { team })).toMatchObject({
      method: 'rule-based',
      currency: 'EUR',
      allocated: 10_000,
      breakdown: { creative: 3000, adSpend: 6000, tools: 1000 },
    });
  });

  it('prices each segment: creative work, advertising for each contact, and each send', async () => {
    const { costBySegment } = await deliver(['finance'], { brief }, { team });
    expect(costBySegment).toEqual([
      { segment: 'enterprise', requestedReach: 1000, reach: 1000, cost: 1700 },
      { segment: 'startup', requestedReach: 2000, reach: 2000, cost: 2900 },
    ]);
  });

  it('expects what the rates of insights give: 80 conversions, 7,000 of revenue, ROI −23.91 %, payback 2.63 months', async () => {
    const value = await deliver(['finance'], { brief, campaignsCsv }, { team });
    expect(value).toMatchObject({
      ratesFrom: 'insights',
      expected: { conversions: 80, revenue: 7000 },
      roi: -0.2391,
      paybackMonths: 2.63,
      assumptions: [],
    });
  });

  it('takes the overall rates for a segment without a history, and says so', async () => {
    const other = { ...brief, segments: [{ segment: 'public', reach: 1500 }] };
    const value = await deliver(['finance'], { brief: other, campaignsCsv }, { team });
    expect(value).toMatchObject({ expected: { conversions: 40, revenue: 3500 } });
    expect(value.assumptions).toEqual(['No history of public: the overall rates were taken.']);
  });

  it('knows a segment by its name however it is spelt', async () => {
    const other = { ...brief, segments: [{ segment: 'Enterprise', reach: 1000 }] };
    expect(await deliver(['finance'], { brief: other, campaignsCsv }, { team })).toMatchObject({
      expected: { conversions: 60, revenue: 6000 },
    });
  });

  it('cuts the reach to what the budget pays for after creative work, and never allocates more than there is', async () => {
    const value = await deliver(['finance'], { brief: { ...brief, budget: 2800 }, campaignsCsv }, { team });
    expect(value).toMatchObject({
      allocated: 2800,
      costBySegment: [
        { segment: 'enterprise', requestedReach: 1000, reach: 500, cost: 1100 },
        { segment: 'startup', requestedReach: 2000, reach: 1000, cost: 1700 },
      ],
      expected: { conversions: 40, revenue: 3500 },
    });
    expect(value.assumptions).toEqual([
      'The requested reach costs 4600, but 2800 are allocated: after creative work they pay for 50 % of it.',
    ]);
  });

  it('reaches nobody with a budget below the creative work, and has no payback then', async () => {
    const value = await deliver(['finance'], { brief: { ...brief, budget: 500 }, campaignsCsv }, { team });
    expect(value).toMatchObject({
      costBySegment: [
        { reach: 0, cost: 250 },
        { reach: 0, cost: 250 },
      ],
      expected: { conversions: 0, revenue: 0 },
      roi: -1,
      paybackMonths: null,
    });
  });

  it('has no ROI where nothing is spent: budget 0', async () => {
    const value = await deliver(['finance'], { brief: { ...brief, budget: 0 } }, { team });
    expect(value).toMatchObject({ allocated: 0, roi: null });
  });

  it.each([
    ['insights is not in the team', { team: [] }],
    ['insights did not answer on rates', { team, ask: () => Promise.reject(new Error('ASK_TIMED_OUT')) }],
    ['insights has no history', { team }],
    ["insights's answer on rates could not be read", { team, ask: () => Promise.resolve('soon') }],
  ])('goes on with stated default rates when %s', async (why, options) => {
    const value = await deliver(['finance'], { brief }, options);
    expect(value).toMatchObject({ ratesFrom: 'defaults', expected: { conversions: 30, revenue: 3000 } });
    expect(value.assumptions).toEqual([`${why}: assumed that 0.5 % of sends convert, and that a send brings 0.5.`]);
  });

  it('gives up once the attempt is aborted while it waits for an answer', async () => {
    const attempt = new AbortController();
    const ask = async () => {
      attempt.abort(new Error('lost lease'));
      throw new Error('ASK_TIMED_OUT');
    };
    await expect(deliver(['finance'], { brief }, { team, ask, signal: attempt.signal })).rejects.toThrow('lost lease');
  });

  it('names every unusable member of the brief', async () => {
    const bad = { ...brief, budget: 'plenty', launchDate: 'soon', segments: [{ segment: 'a', reach: -1 }] };
    const delivered = deliver(['finance'], { brief: bad });
    await expect(delivered).rejects.toThrow('data.brief.segments.0.reach');
    await expect(delivered).rejects.toThrow('data.brief.launchDate');
    await expect(delivered).rejects.toThrow('data.brief.budget');
  });

  it('reads a brief that is the data itself, in snake_case, and passes over members that mean something else', async () => {
    const value = await deliver(['budgeting'], {
      campaign_name: 'Q1',
      target_audience: 'enterprise',
      budget: 50_000,
      tone: 7,
    });
    expect(value).toMatchObject({ allocated: 50_000, costBySegment: [{ segment: 'enterprise' }] });
    expect(value.assumptions.join(' ')).toContain('data.tone');
  });

  it('breaks any budget down to parts that sum to it, to the cent', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e11 }), (cents) => {
        const { creative, adSpend, tools } = breakDown(cents / 100);
        expect(Math.round((creative + adSpend + tools) * 100)).toBe(cents);
      }),
    );
  });

  it('never plans to spend more than is allocated', () => {
    const costs = fc.record({ reach: fc.nat(1e6), segment: fc.string({ minLength: 1, maxLength: 9 }) });
    fc.assert(
      fc.property(fc.array(costs, { minLength: 1, maxLength: 9 }), fc.nat(1e9), (segments, cents) => {
        const named = segments.map(({ reach }, index) => ({ segment: `s${index}`, reach }));
        const data = { brief: { segments: named, budget: cents / 100 } };
        const priced = priceCampaign(readCampaignBrief({ type: 'campaign', data }).brief);
        const spentCents = planSegments(priced).costBySegment.reduce(
          (sum, { cost }) => sum + Math.round(cost * 100),
          0,
        );
        expect(spentCents).toBeLessThanOrEqual(cents);
      }),
    );
  });
});

describe('a message on advertising-budget', () => {
  it('is answered with 60 % of the allocation', async () => {
    const answer = { adSpend: 6000, allocated: 10_000, currency: 'EUR' };
    expect(await messageTo('finance', 'advertising-budget', { brief })).toEqual(answer);
  });

  it('on anything else fails', async () => {
    await expect(messageTo('finance', 'weather', {})).rejects.toThrow('no answer on weather');
  });
});

describe('forecasting', () => {
  it('goes on with the straight line: 10, 12, 14 → 16, 18', async () => {
    expect(await deliver(['forecasting'], { series: [10, 12, 14], periods: 2 })).toMatchObject({
      source: 'data.series',
      slopePerPeriod: 2,
      fit: 1,
      forecast: [16, 18],
    });
  });

  it('takes the monthly revenue of the past campaigns where no series is given', async () => {
    expect(await deliver(['forecasting'], { campaignsCsv, periods: 1 })).toMatchObject({
      points: 2,
      forecast: [-2000],
    });
  });

  it('forecasts nothing from one point, and says why', async () => {
    const value = await deliver(['forecasting'], { series: [1] });
    expect(value).toMatchObject({ forecast: [] });
    expect(value.assumptions[0]).toContain('A line needs two points; 1 given');
  });

  it.each([
    [{ series: ['a'] }, 'data.series must be a list'],
    [{ series: [1, 2], periods: 0 }, 'data.periods must be a whole number'],
  ])('refuses %j', async (data, message) => {
    await expect(deliver(['forecasting'], data)).rejects.toThrow(message);
  });
});

describe('roi_analysis', () => {
  it('finds 1,000 repaid by 400 a month in month 3, with an ROI of 20 %', async () => {
    expect(await deliver(['roi_analysis'], { investment: 1000, returns: [400, 400, 400] })).toMatchObject({
      totalReturns: 1200,
      roi: 0.2,
      paybackMonths: 3,
    });
  });

  it('has no payback where the returns never reach the investment', async () => {
    expect(await deliver(['roi_analysis'], { investment: 1000, returns: [999] })).toMatchObject({
      paybackMonths: null,
    });
  });
});

describe('cost_tracking', () => {
  it('sums costs by category and compares them with the budget', async () => {
    const costs = [
      { category: 'ads', amount: 10.1 },
      { category: 'ads', amount: 20.2 },
      { label: 'tools', amount: 5 },
      4,
    ];
    expect(await deliver(['cost_tracking'], { costs, budget: 39 })).toMatchObject({
      count: 4,
      total: 39.3,
      byCategory: [
        { category: 'ads', amount: 30.3 },
        { category: 'tools', amount: 5 },
        { category: 'uncategorised', amount: 4 },
      ],
      remaining: -0.3,
      overBudget: true,
    });
  });

  it('takes amounts by category as well, and refuses what has no amount', async () => {
    expect(await deliver(['cost_tracking'], { costs: { ads: 1, tools: 2 } })).toMatchObject({ total: 3, count: 2 });
    await expect(deliver(['cost_tracking'], { costs: [{ category: 'ads' }] })).rejects.toThrow('data.costs must be');
  });
});

describe('a subtask of several skills', () => {
  it('gets the sections of each, and its progress runs from 0 to 100 once', async () => {
    const progress: Progress[] = [];
    const value = await deliver(['finance', 'forecasting'], { brief, series: [1, 2] }, { team: [], progress });
    expect(value).toMatchObject({ allocated: 10_000, forecast: [3, 4, 5] });
    const percents = progress.map(({ percent }) => percent);
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
    expect(percents.at(-1)).toBe(100);
  });
});
