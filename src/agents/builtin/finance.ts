import { assumptionsOn, readCampaignBrief, segmentKey } from './campaign-brief.ts';
import { breakDown, DEFAULT_RATES, expectedReturns, planSegments, ratesAnswerSchema } from './budget-plan.ts';
import { priceCampaign } from './campaign-costs.ts';
import { returnOnInvestment, trackCosts } from './cost-tracking.ts';
import { forecastSeries } from './forecast.ts';
import { ruleBasedWork } from './skill-work.ts';
import { askTeamMate } from './team-mates.ts';
import type { AgentDefinition, ExecutionContext, SubtaskInput } from '../../contracts/agent-definition.ts';
import type { CampaignBrief } from './campaign-brief.ts';
import type { PlannedSegment, RatesAnswer } from './budget-plan.ts';
import type { SkillWork, WorkOutput } from './skill-work.ts';

/** Allocation, cost, and what it should bring, at rates that insights measures meanwhile. */
const planBudget: SkillWork = async (subtask, context) => {
  const plan = allocate(subtask);
  context.progress(30, `allocated ${plan.output.allocated} ${plan.brief.currency}`);
  return { ...plan.output, ...(await returnsOf(plan, subtask, context)) };
};

const allocateBudget: SkillWork = (subtask, context) => {
  const { output } = allocate(subtask);
  context.progress(90, 'allocated');
  return output;
};

const analyseRoi: SkillWork = async (subtask, context) => {
  const given = returnOnInvestment(subtask.data);
  if (given !== null) return given;
  const plan = allocate(subtask);
  context.progress(30, 'cost planned');
  const cost = plan.output.costBySegment;
  return { costBySegment: cost, ...(await returnsOf(plan, subtask, context)) };
};

interface Allocation {
  brief: CampaignBrief;
  output: ReturnType<typeof allocationOutput>;
  returnsAssumptions: string[];
}

function allocate(subtask: SubtaskInput): Allocation {
  const read = readCampaignBrief(subtask);
  return {
    brief: read.brief,
    output: allocationOutput(read.brief, assumptionsOn(read, 'cost')),
    returnsAssumptions: assumptionsOn(read, 'returns'),
  };
}

function allocationOutput(brief: CampaignBrief, briefAssumptions: string[]) {
  const costs = priceCampaign(brief);
  const { costBySegment, assumptions } = planSegments(costs);
  return {
    currency: brief.currency,
    allocated: costs.allocated,
    breakdown: breakDown(costs.allocated),
    costBySegment,
    assumptions: [...briefAssumptions, ...costs.assumptions, ...assumptions],
  };
}

async function returnsOf(plan: Allocation, subtask: SubtaskInput, context: ExecutionContext): Promise<WorkOutput> {
  const { costBySegment, assumptions } = plan.output;
  const { rates, ratesFrom, why } = await ratesFor(costBySegment, subtask, context);
  context.progress(80, ratesFrom === 'insights' ? 'rates from insights' : 'default rates');
  return {
    ...expectedReturns(plan.brief, costBySegment, rates),
    ratesFrom,
    assumptions: [...assumptions, ...plan.returnsAssumptions, ...why],
  };
}

async function ratesFor(
  segments: readonly PlannedSegment[],
  subtask: SubtaskInput,
  context: ExecutionContext,
): Promise<{ rates: RatesAnswer; ratesFrom: 'insights' | 'defaults'; why: string[] }> {
  const answer = await askTeamMate(subtask, context, {
    agentId: 'insights',
    topic: 'rates',
    data: { segments: segments.map(({ segment }) => segment) },
    answerSchema: ratesAnswerSchema,
  });
  if (answer.known && answer.value.overall !== null) {
    return { rates: answer.value, ratesFrom: 'insights', why: gapsIn(answer.value, segments) };
  }
  const why =
    `${answer.known ? 'insights has no history' : answer.why}: assumed that ${100 * DEFAULT_RATES.conversionRate} % ` +
    `of sends convert, and that a send brings ${DEFAULT_RATES.revenuePerSend}.`;
  return { rates: { segments: [], overall: null }, ratesFrom: 'defaults', why: [why] };
}

function gapsIn(rates: RatesAnswer, segments: readonly PlannedSegment[]): string[] {
  const known = new Set(rates.segments.map(({ segment }) => segmentKey(segment)));
  const unknown = segments.map(({ segment }) => segment).filter((segment) => !known.has(segmentKey(segment)));
  const noRevenue = `The history names no revenue: a send brings ${DEFAULT_RATES.revenuePerSend}.`;
  return [
    ...(unknown.length > 0 ? [`No history of ${unknown.join(', ')}: the overall rates were taken.`] : []),
    ...(rates.overall?.revenuePerSend === null ? [noRevenue] : []),
  ];
}

const workBySkill: Record<string, SkillWork> = {
  finance: planBudget,
  budgeting: allocateBudget,
  forecasting: (subtask) => forecastSeries(subtask),
  roi_analysis: analyseRoi,
  cost_tracking: (subtask) => trackCosts(subtask),
};

/** Budget arithmetic. Answers `advertising-budget` with `{adSpend, allocated, currency}`. */
export const finance: AgentDefinition = {
  id: 'finance',
  name: 'Finance',
  skills: Object.keys(workBySkill),
  execute: ruleBasedWork(workBySkill),
  onMessage: (message, { task }) => {
    if (message.topic !== 'advertising-budget') throw new Error(`finance has no answer on ${message.topic}`);
    const { brief } = readCampaignBrief(task);
    const { allocated } = priceCampaign(brief);
    return { adSpend: breakDown(allocated).adSpend, allocated, currency: brief.currency };
  },
};
