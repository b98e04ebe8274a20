import { everyItem, everySegmentOfTheBrief, objectWith, withinBudget } from './skill-record.ts';
import type { SkillRecord } from './skill-record.ts';

const allocationChecks = [
  {
    name: 'the breakdown sums to the allocation',
    expression: '$abs($sum(value.breakdown.*) - value.allocated) <= 1',
    weight: 3,
  },
  {
    name: 'the allocation is within the brief’s budget',
    expression: withinBudget('value.allocated'),
    weight: 3,
  },
  {
    name: 'the segments’ costs are within the allocation',
    expression: '$count(value.costBySegment) > 0 and $sum(value.costBySegment.cost) <= value.allocated + 1',
    weight: 2,
  },
  {
    name: 'every segment of the brief has a cost',
    expression: `$count(value.costBySegment) > 0 and ${everySegmentOfTheBrief('value.costBySegment.segment')}`,
    weight: 1,
  },
  {
    name: 'the requested reach is paid for in full',
    expression: everyItem('value.costBySegment', 'reach >= requestedReach'),
    weight: 1,
  },
];

const returnChecks = [
  { name: 'a return on investment is named', expression: '$type(value.roi) = "number"', weight: 2 },
  {
    name: 'the payback time is named and over 0 months',
    expression: '$type(value.paybackMonths) = "number" and value.paybackMonths > 0',
    weight: 1,
  },
];

export const financeSkills: SkillRecord[] = [
  {
    id: 'finance',
    description: 'Allocates a budget and says what it should bring: cost by segment, returns, ROI, payback.',
    outputSchema: objectWith({ allocated: { type: 'number', minimum: 0 }, breakdown: { type: 'object' } }),
    checks: [
      ...allocationChecks,
      ...returnChecks,
      { name: 'the rates come from measured campaigns', expression: 'value.ratesFrom = "insights"', weight: 1 },
    ],
  },
  {
    id: 'budgeting',
    description: 'Allocates a budget: its breakdown and the cost by segment.',
    outputSchema: objectWith({ allocated: { type: 'number', minimum: 0 }, breakdown: { type: 'object' } }),
    checks: allocationChecks,
  },
  {
    id: 'forecasting',
    description: 'Goes on with a series of numbers.',
    outputSchema: objectWith({ forecast: { type: 'array' } }),
    checks: [
      { name: 'at least one period is forecast', expression: '$count(value.forecast) > 0', weight: 2 },
      {
        name: 'as many periods are forecast as the task asks for',
        expression:
          '$exists(task.data.periods) ? $count(value.forecast) = task.data.periods : $count(value.forecast) > 0',
        weight: 1,
      },
      { name: 'the line explains at least half of the variance', expression: 'value.fit >= 0.5', weight: 1 },
    ],
  },
  {
    id: 'roi_analysis',
    description: 'Says what an investment returns and when it has paid for itself.',
    outputSchema: objectWith({ roi: { type: ['number', 'null'] } }),
    checks: returnChecks,
  },
  {
    id: 'cost_tracking',
    description: 'Sums costs by category and compares them with a budget.',
    outputSchema: objectWith({ total: { type: 'number' } }),
    checks: [
      { name: 'there is at least one cost', expression: 'value.count > 0', weight: 1 },
      {
        name: 'the categories sum to the total',
        expression: '$count(value.byCategory) > 0 and $abs($sum(value.byCategory.amount) - value.total) <= 1',
        weight: 2,
      },
    ],
  },
];
