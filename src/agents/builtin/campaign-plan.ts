import { z } from 'zod';
import { assumptionsOn, readCampaignBrief, segmentKey } from './campaign-brief.ts';
import { writeSegmentCopy } from './campaign-copy.ts';
import { priceCampaign } from './campaign-costs.ts';
import { clockTime, nextSendAt, WEEKDAYS } from './send-time.ts';
import { roundMoney } from './rounding.ts';
import { askTeamMate } from './team-mates.ts';
import { nextTurn } from './turns.ts';
import type { SendTime } from './send-time.ts';
import type { ExecutionContext, SubtaskInput } from '../../contracts/agent-definition.ts';
import type { CampaignBrief } from './campaign-brief.ts';
import type { SegmentCopy } from './campaign-copy.ts';
import type { CampaignCosts } from './campaign-costs.ts';
import type { SkillWork } from './skill-work.ts';
import type { Answer } from './team-mates.ts';

const advertisingBudgetSchema = z.object({ adSpend: z.number(), allocated: z.number(), currency: z.string() });
type AdvertisingBudget = z.output<typeof advertisingBudgetSchema>;

const sendTimeSchema = z.object({ weekday: z.enum(WEEKDAYS), hour: z.number().int().min(0).max(23) });
const sendTimesSchema = z.object({
  segments: z.array(z.object({ segment: z.string(), bestSendTime: sendTimeSchema.nullable() })),
  bestSendTime: sendTimeSchema.nullable(),
});
type SendTimes = z.output<typeof sendTimesSchema>;

const DEFAULT_SEND_TIME: SendTime = { weekday: 'Tuesday', hour: 10 };

/**
 * Copy, send time, reach and cost for each segment. The estimate is of the reach that the brief asks for: it is not cut
 * to the money that finance names, so that whoever compares the two sees it.
 */
export const planCampaign: SkillWork = async (subtask, context) => {
  const read = readCampaignBrief(subtask);
  const { brief } = read;
  context.progress(10, 'brief read');
  const [money, times] = await Promise.all([askForMoney(subtask, context), askForSendTimes(brief, subtask, context)]);
  context.progress(40, money.known ? `${money.value.adSpend} for advertising` : 'no advertising budget known');
  const costs = priceCampaign(brief);
  const segments = await segmentPlans(brief, costs, times, context);
  return {
    campaignName: brief.campaignName,
    currency: brief.currency,
    segments,
    estimatedCost: costs.total,
    ...(money.known && { advertisingBudget: money.value }),
    assumptions: [
      ...assumptionsOn(read, 'message', 'cost'),
      ...costs.assumptions,
      ...moneyAssumptions(money, costs),
      ...timeAssumptions(brief, times),
    ],
  };
};

type SegmentPlan = SegmentCopy & { sendAt: string; reach: number; cost: number };

/** A segment a turn: there may be fifty. */
async function segmentPlans(
  brief: CampaignBrief,
  costs: CampaignCosts,
  times: Answer<SendTimes>,
  context: ExecutionContext,
): Promise<SegmentPlan[]> {
  const plans: SegmentPlan[] = [];
  for (const [index, segment] of brief.segments.entries()) {
    await nextTurn();
    const { reach = 0, cost = 0 } = costs.segments[index] ?? {};
    const copy = writeSegmentCopy(brief, segment);
    plans.push({ ...copy, sendAt: sendAt(brief, sendTimeFor(segment.segment, times)), reach, cost });
    context.progress(40 + (50 * plans.length) / brief.segments.length, `copy for ${segment.segment}`);
  }
  return plans;
}

function askForMoney(subtask: SubtaskInput, context: ExecutionContext): Promise<Answer<AdvertisingBudget>> {
  return askTeamMate(subtask, context, {
    agentId: 'finance',
    topic: 'advertising-budget',
    data: {},
    answerSchema: advertisingBudgetSchema,
  });
}

function askForSendTimes(
  brief: CampaignBrief,
  subtask: SubtaskInput,
  context: ExecutionContext,
): Promise<Answer<SendTimes>> {
  return askTeamMate(subtask, context, {
    agentId: 'insights',
    topic: 'rates',
    data: { segments: brief.segments.map(({ segment }) => segment) },
    answerSchema: sendTimesSchema,
  });
}

function sendTimeFor(segment: string, times: Answer<SendTimes>): SendTime {
  if (!times.known) return DEFAULT_SEND_TIME;
  const own = times.value.segments.find((row) => segmentKey(row.segment) === segmentKey(segment));
  return own?.bestSendTime ?? times.value.bestSendTime ?? DEFAULT_SEND_TIME;
}

function sendAt(brief: CampaignBrief, time: SendTime): string {
  return brief.launchDate === null ? `${time.weekday} ${clockTime(time)}` : nextSendAt(time, brief.launchDate);
}

function moneyAssumptions(money: Answer<AdvertisingBudget>, costs: CampaignCosts): string[] {
  if (!money.known) return [`The advertising budget is not known: ${money.why}.`];
  const advertising = roundMoney(costs.segments.reduce((sum, segment) => sum + segment.advertising, 0));
  if (advertising <= money.value.adSpend) return [];
  return [
    `Advertising for the requested reach costs ${advertising}, more than the ${money.value.adSpend} that finance names.`,
  ];
}

function timeAssumptions(brief: CampaignBrief, times: Answer<SendTimes>): string[] {
  const standard = `${DEFAULT_SEND_TIME.weekday} ${clockTime(DEFAULT_SEND_TIME)}`;
  const noDate = 'No launch date was given: send times name a weekday and an hour.';
  const zone = 'Send times are in the local time of whoever wrote the history.';
  return [
    ...(times.known ? [zone] : [`The best send time is not known (${times.why}): ${standard}.`]),
    ...(times.known && times.value.bestSendTime === null ? [`The history names no best send time: ${standard}.`] : []),
    ...(brief.launchDate === null ? [noDate] : []),
  ];
}
