import { sentenceCase } from './campaign-brief.ts';
import { statisticsOfTask } from './campaign-statistics.ts';
import { describeNumbers } from './numeric-columns.ts';
import { roundTo } from './rounding.ts';
import { clockTime } from './send-time.ts';
import { ruleBasedWork } from './skill-work.ts';
import type { AgentDefinition, ExecutionContext, SubtaskInput } from '../../contracts/agent-definition.ts';
import type { CampaignStatistics } from './campaign-statistics.ts';
import type { SkillWork } from './skill-work.ts';

const analyseCampaigns: SkillWork = async (subtask, context) => ({ ...(await measured(subtask, context)) });

const reportCampaigns: SkillWork = async (subtask, context) => {
  const statistics = await measured(subtask, context);
  return {
    title: `What ${statistics.rows} past sendings say`,
    summary: summaryOf(statistics),
    rows: statistics.rows,
    assumptions: statistics.assumptions,
  };
};

function measured(subtask: SubtaskInput, context: ExecutionContext): Promise<CampaignStatistics> {
  return statisticsOfTask(subtask.taskId, subtask.data, (percent, note) => {
    context.progress(percent, note);
  });
}

function summaryOf({ overall, bySegment, byChannel, trend, bestSendTime }: CampaignStatistics): string[] {
  if (overall === null) return ['There are no past campaigns to report on.'];
  const segments = bySegment.toSorted((a, b) => b.conversionRate - a.conversionRate);
  const channels = byChannel.toSorted((a, b) => b.conversionRate - a.conversionRate);
  const lines = [
    `Of ${overall.sent} sends ${percent(overall.openRate)} were opened, ${percent(overall.clickRate)} clicked, ` +
      `and ${percent(overall.conversionRate)} converted.`,
    `By segment, best first: ${segments.map((row) => `${sentenceCase(row.segment)} ${percent(row.conversionRate)}`).join(', ')}.`,
    `By channel, best first: ${channels.map((row) => `${sentenceCase(row.channel)} ${percent(row.conversionRate)}`).join(', ')}.`,
    `Over ${trend.months.length} months the open rate changed by ${signed(100 * trend.slopePerMonth.openRate)} points a month.`,
  ];
  if (bestSendTime !== null) {
    lines.push(
      `${bestSendTime.weekday} at ${clockTime(bestSendTime)} converted best: ` +
        `${percent(bestSendTime.conversionRate)} of ${bestSendTime.sent} sends.`,
    );
  }
  return lines;
}

function percent(rate: number): string {
  return `${roundTo(100 * rate, 2)} %`;
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${roundTo(value, 3)}`;
}

const workBySkill: Record<string, SkillWork> = {
  analytics: analyseCampaigns,
  data_analysis: (subtask, context) =>
    describeNumbers(subtask.data, (percent, note) => {
      context.progress(percent, note);
    }),
  reporting: reportCampaigns,
};

/** Statistics. Answers `rates` with `{rows, segments, overall, bestSendTime}`, the same numbers that it delivers. */
export const insights: AgentDefinition = {
  id: 'insights',
  name: 'Insights',
  skills: Object.keys(workBySkill),
  execute: ruleBasedWork(workBySkill),
  onMessage: async (message, { task }) => {
    if (message.topic !== 'rates') throw new Error(`insights has no answer on ${message.topic}`);
    const { rows, bySegment, overall, bestSendTime } = await statisticsOfTask(task.id, task.data);
    return { rows, segments: bySegment, overall, bestSendTime };
  },
};
