import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { brokenChecks, deliver } from './fake-team.ts';
import type { ExecutionContext } from '../../../src/contracts/agent-definition.ts';

const brief = {
  campaignName: 'Q1 Product Launch',
  product: 'Meridian',
  productDescription: 'a workspace for weekly reports',
  segments: [{ segment: 'enterprise', reach: 1000, need: 'figures to rely on' }, 'startup'],
  tone: 'formal',
  offer: 'Three months free',
  callToAction: 'Book a demo',
  url: 'https://meridian.example',
  launchDate: '2027-01-13',
  budget: 10_000,
  currency: 'EUR',
  unitCosts: { creativePerSegment: 500, advertisingPerContact: 1, perSend: 0.1 },
  sendsPerContact: 2,
};
const campaignsCsv = [
  'date,segment,channel,hour,sent,opened,clicked,converted',
  '2026-01-06,enterprise,email,10,1000,300,60,20',
  '2026-01-08,startup,email,15,1000,300,60,20',
].join('\n');
const team = ['finance', 'insights'];

const planSchema = z.looseObject({
  segments: z.array(
    z.looseObject({ body: z.string(), sendAt: z.string(), variant: z.looseObject({ subject: z.string() }) }),
  ),
  estimatedCost: z.number(),
  assumptions: z.array(z.string()),
});

async function plan(data: Record<string, unknown>, options = {}): Promise<z.output<typeof planSchema>> {
  return planSchema.parse(await deliver(['marketing'], data, options));
}

describe('marketing', () => {
  it('writes copy for each segment from the words of the brief', async () => {
    const { segments } = await plan({ brief, campaignsCsv }, { team });
    expect(segments[0]).toMatchObject({
      segment: 'enterprise',
      subject: 'Meridian: figures to rely on',
      preheader: 'Three months free',
      callToAction: 'Book a demo',
      variant: { name: 'B', subject: 'Q1 Product Launch: Three months free' },
    });
    expect(segments[0]?.body).toContain('Meridian is made for large organisations');
    expect(segments[0]?.body).toContain('Book a demo: https://meridian.example');
  });

  it('sends at the segment’s own best time, first on or after the launch date', async () => {
    const { segments } = await plan({ brief, campaignsCsv }, { team });
    expect(segments.map(({ sendAt }) => sendAt)).toEqual(['2027-01-19T10:00', '2027-01-14T15:00']);
  });

  it('sends on the launch date itself when that is the best weekday', async () => {
    const { segments } = await plan({ brief: { ...brief, launchDate: '2027-01-12' }, campaignsCsv }, { team });
    expect(segments[0]).toMatchObject({ sendAt: '2027-01-12T10:00' });
  });

  it('estimates the cost of the requested reach, and of what advertising pays for where none is requested', async () => {
    const { segments, estimatedCost } = await plan({ brief }, { team });
    expect(segments).toMatchObject([
      { reach: 1000, cost: 1700 },
      { reach: 3000, cost: 4100 },
    ]);
    expect(estimatedCost).toBe(5800);
  });

  it('passes on the advertising money that finance names', async () => {
    expect(await plan({ brief }, { team })).toMatchObject({
      advertisingBudget: { adSpend: 6000, allocated: 10_000, currency: 'EUR' },
    });
  });

  it('does not cut its estimate to the money: the shortfall is for others to see', async () => {
    const small = { ...brief, segments: [{ segment: 'enterprise', reach: 20_000 }] };
    const value = await plan({ brief: small }, { team });
    expect(value.estimatedCost).toBe(24_500);
    expect(value.assumptions).toContain(
      'Advertising for the requested reach costs 20000, more than the 6000 that finance names.',
    );
  });

  it('asks nobody who is not in the team, and says what it does not know', async () => {
    const asked: string[] = [];
    const ask: ExecutionContext['ask'] = async (agentId) => {
      asked.push(agentId);
      return {};
    };
    const value = await plan({ brief }, { team: [], ask });
    expect(asked).toEqual([]);
    expect(value).not.toHaveProperty('advertisingBudget');
    expect(value.assumptions).toContain('The advertising budget is not known: finance is not in the team.');
    expect(value.segments[0]).toMatchObject({ sendAt: '2027-01-19T10:00' });
  });

  it('goes on without an answer: a team mate that fails costs it nothing', async () => {
    const ask = () => Promise.reject(new Error('ASK_FAILED'));
    const value = await plan({ brief }, { team, ask });
    expect(value.assumptions).toContain(
      'The advertising budget is not known: finance did not answer on advertising-budget.',
    );
  });

  it('keeps subjects to 60 characters however long the brief’s words are', async () => {
    const long = { ...brief, product: 'p'.repeat(100), offer: 'o '.repeat(140), campaignName: 'c'.repeat(200) };
    const data = { brief: long };
    const value = await plan(data, { team: [] });
    expect(await brokenChecks('marketing', data, value)).not.toContain(
      'every segment has a subject of 1–60 characters',
    );
    for (const { variant } of value.segments) expect(variant.subject.length).toBeLessThan(61);
  });
});

describe('social_media', () => {
  it('keeps a post for X to 280 characters and one for Bluesky to 300', async () => {
    const long = { ...brief, offer: 'free '.repeat(60) };
    const { posts } = await deliver(['social_media'], { brief: long, networks: ['x', 'bluesky'] });
    const lengths = (posts as { text: string; limitCharacters: number }[]).map((post) => [
      post.text.length <= post.limitCharacters,
      post.limitCharacters,
    ]);
    expect(lengths).toEqual([
      [true, 280],
      [true, 300],
    ]);
  });

  it('refuses networks that are no list of names', async () => {
    await expect(deliver(['social_media'], { networks: 'x' })).rejects.toThrow('data.networks must be a list');
  });
});

describe('seo', () => {
  it('counts the words of the brief, stop words left out, the earlier first where equal', async () => {
    const { keywords } = await deliver(['seo'], {
      product: 'Meridian',
      productDescription: 'Reports for the team that reads reports, and for the board',
    });
    expect(keywords).toEqual([
      { keyword: 'reports', count: 2 },
      { keyword: 'meridian', count: 1 },
      { keyword: 'team', count: 1 },
      { keyword: 'reads', count: 1 },
      { keyword: 'board', count: 1 },
    ]);
  });
});
