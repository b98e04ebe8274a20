import { LIST_OF_TEXTS, everyItem, everySegmentOfTheBrief, objectWith } from './skill-record.ts';
import type { SkillRecord } from './skill-record.ts';

const isRate = (name: string): string => `$type(${name}) = "number" and ${name} >= 0 and ${name} <= 1`;

export const insightsSkills: SkillRecord[] = [
  {
    id: 'analytics',
    description: 'Measures past campaigns: rates by segment and channel, trend, best send time.',
    outputSchema: objectWith({ rows: { type: 'integer', minimum: 0 }, bySegment: { type: 'array' } }),
    checks: [
      { name: 'something was measured', expression: 'value.rows > 0', weight: 3 },
      {
        name: 'every segment’s rates are within 0–1',
        expression: everyItem(
          'value.bySegment',
          `${isRate('openRate')} and ${isRate('clickRate')} and ${isRate('conversionRate')}`,
        ),
        weight: 3,
      },
      {
        name: 'the overall conversion rate lies between the segments’',
        expression:
          '$min(value.bySegment.conversionRate) <= value.overall.conversionRate and ' +
          'value.overall.conversionRate <= $max(value.bySegment.conversionRate)',
        weight: 2,
      },
      {
        name: 'the segments’ rows sum to all rows',
        expression: 'value.rows > 0 and $sum(value.bySegment.rows) = value.rows',
        weight: 1,
      },
      {
        name: 'every segment of the brief was measured',
        expression: `value.rows > 0 and ${everySegmentOfTheBrief('value.bySegment.segment')}`,
        weight: 1,
      },
      { name: 'the trend covers six months or more', expression: '$count(value.trend.months) >= 6', weight: 1 },
      {
        name: 'a best send time rests on 1,000 sends or more',
        expression: 'value.bestSendTime.sent >= 1000',
        weight: 1,
      },
    ],
  },
  {
    id: 'data_analysis',
    description: 'Describes the numeric columns of a table.',
    outputSchema: objectWith({ rows: { type: 'integer', minimum: 0 }, columns: { type: 'array' } }),
    checks: [
      {
        name: 'at least one column is described',
        expression: 'value.rows > 0 and $count(value.columns) > 0',
        weight: 2,
      },
      {
        name: 'every mean lies between the least and the greatest value',
        expression: everyItem('value.columns', 'min <= mean + 0.000001 and mean <= max + 0.000001'),
        weight: 2,
      },
    ],
  },
  {
    id: 'reporting',
    description: 'Puts what was measured into sentences.',
    outputSchema: objectWith({ summary: LIST_OF_TEXTS }),
    checks: [
      { name: 'it has a title', expression: '$length(value.title) > 0', weight: 1 },
      { name: 'it reports on at least one row', expression: 'value.rows > 0', weight: 2 },
      { name: 'it says at least three things', expression: '$count(value.summary) >= 3', weight: 1 },
    ],
  },
];
