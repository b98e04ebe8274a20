import { readFileSync } from 'node:fs';
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import { generateCampaigns } from '../../../examples/data/generate-campaigns.ts';
import { taskSubmissionSchema } from '../../../src/contracts/task.ts';
import { brokenChecks, deliver } from './fake-team.ts';
import type { Delivered } from './fake-team.ts';

const COST_WITHIN_ALLOCATION = 'deliveries.marketing.estimatedCost <= deliveries.finance.allocated';
const team = ['marketing', 'finance', 'insights'];
const campaignsCsv = shipped('campaigns.csv');

function shipped(name: string): string {
  return readFileSync(new URL(`../../../examples/data/${name}`, import.meta.url), 'utf8');
}

function taskOf(name: string) {
  const task = taskSubmissionSchema.parse(JSON.parse(shipped(name)));
  return taskSubmissionSchema.parse({ ...task, data: { ...task.data, campaignsCsv } });
}

async function runCampaign(
  name: string,
): Promise<{ data: Record<string, unknown>; deliveries: Record<string, Delivered> }> {
  const { data, requiredSkills } = taskOf(name);
  const deliveries = await Promise.all(
    requiredSkills.map(async (skill) => [skill, await deliver([skill], data, { team })]),
  );
  return { data, deliveries: Object.fromEntries(deliveries) as Record<string, Delivered> };
}

describe('the shipped campaigns.csv', () => {
  it('is what its generator writes, byte for byte, and another seed writes another', () => {
    expect(generateCampaigns()).toBe(campaignsCsv);
    expect(generateCampaigns(1)).not.toBe(campaignsCsv);
  });

  it('has 3,000 rows in at most 200 KiB, and fits into a task with its brief', () => {
    expect(campaignsCsv.trimEnd().split('\n')).toHaveLength(3001);
    expect(Buffer.byteLength(campaignsCsv)).toBeLessThanOrEqual(200 * 1024);
    expect(taskOf('brief.json').requiredSkills).toEqual(['marketing', 'finance', 'analytics']);
  });

  it('yields what was planted: each segment’s best time, and which way its opens go', async () => {
    const { bySegment } = await deliver(['analytics'], { campaignsCsv });
    const found = new Map((bySegment as { segment: string }[]).map((row) => [row.segment, row]));
    expect(found.get('enterprise')).toMatchObject({ bestSendTime: { weekday: 'Tuesday', hour: 10 } });
    expect(found.get('mid_market')).toMatchObject({ bestSendTime: { weekday: 'Wednesday', hour: 9 } });
    expect(found.get('startup')).toMatchObject({ bestSendTime: { weekday: 'Thursday', hour: 15 } });
    const slopes = (bySegment as { openRateSlopePerMonth: number }[]).map((row) =>
      Math.round(1000 * row.openRateSlopePerMonth),
    );
    expect(slopes).toEqual([2, -2, 4, 0]);
  });
});

describe('the demo’s campaign', () => {
  it('keeps marketing’s estimate within finance’s allocation when the budget is sound', async () => {
    const { deliveries } = await runCampaign('brief.json');
    expect(deliveries['finance']).toMatchObject({ allocated: 50_000, ratesFrom: 'insights' });
    expect(deliveries['marketing']).toMatchObject({ estimatedCost: 40_352, advertisingBudget: { adSpend: 30_000 } });
    expect(await jsonata(COST_WITHIN_ALLOCATION).evaluate({ deliveries })).toBe(true);
  });

  it('breaks that rule when the budget is too small', async () => {
    const { deliveries } = await runCampaign('brief-small-budget.json');
    expect(deliveries['finance']).toMatchObject({ allocated: 18_000 });
    expect(deliveries['marketing']).toMatchObject({ estimatedCost: 40_352 });
    expect(await jsonata(COST_WITHIN_ALLOCATION).evaluate({ deliveries })).toBe(false);
  });

  it('is checked without favour: templates that repeat themselves fail their checks', async () => {
    const { data, deliveries } = await runCampaign('brief.json');
    expect(await brokenChecks('marketing', data, deliveries['marketing'])).toEqual([
      'no two segments get the same preheader',
      'no two segments get the same subject, in the variants neither',
    ]);
    expect(await brokenChecks('finance', data, deliveries['finance'])).toEqual([]);
    expect(await brokenChecks('analytics', data, deliveries['analytics'])).toEqual([]);
  });

  it('fails the checks on money when the budget is too small', async () => {
    const { data, deliveries } = await runCampaign('brief-small-budget.json');
    expect(await brokenChecks('marketing', data, deliveries['marketing'])).toContain(
      'the estimated cost is within the brief’s budget',
    );
    expect(await brokenChecks('finance', data, deliveries['finance'])).toEqual([
      'the requested reach is paid for in full',
    ]);
  });
});
