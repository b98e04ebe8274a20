import { z } from 'zod';
import { readCampaignBrief } from './campaign-brief.ts';
import { MAX_NUMBER, roundMoney, roundTo } from './rounding.ts';
import type { SubtaskInput } from '../../contracts/agent-definition.ts';
import type { WorkOutput } from './skill-work.ts';

const amountSchema = z.number().min(-MAX_NUMBER).max(MAX_NUMBER);
const itemSchema = z.object({
  category: z.string().optional(),
  label: z.string().optional(),
  amount: amountSchema,
});
const costsSchema = z.union([
  z.array(z.union([amountSchema, itemSchema])).max(10_000),
  z.record(z.string(), amountSchema),
]);

/** Sums `data.costs`: numbers, `{category?, label?, amount}`, or amounts by category; against the budget if one is known. */
export function trackCosts(subtask: SubtaskInput): WorkOutput {
  const items = costItems(subtask.data['costs'] ?? null);
  const byCategory = new Map<string, number>();
  for (const { category, amount } of items) byCategory.set(category, (byCategory.get(category) ?? 0) + amount);
  const total = roundMoney(items.reduce((sum, item) => sum + item.amount, 0));
  const { budget, currency } = readCampaignBrief(subtask).brief;
  return {
    currency,
    count: items.length,
    total,
    byCategory: [...byCategory].map(([category, amount]) => ({ category, amount: roundMoney(amount) })),
    budget,
    remaining: budget === null ? null : roundMoney(budget - total),
    overBudget: budget === null ? null : total > budget,
    assumptions: [
      ...(items.length === 0 ? ['No costs were given (data.costs): the total is 0.'] : []),
      ...(budget === null ? ['No budget was given: nothing to compare with.'] : []),
    ],
  };
}

function costItems(costs: unknown): { category: string; amount: number }[] {
  if (costs === null) return [];
  const read = costsSchema.safeParse(costs);
  if (!read.success) {
    throw new Error('data.costs must be a list of numbers or {category?, label?, amount}, or amounts by category');
  }
  if (!Array.isArray(read.data)) return Object.entries(read.data).map(([category, amount]) => ({ category, amount }));
  return read.data.map((item) =>
    typeof item === 'number'
      ? { category: 'uncategorised', amount: item }
      : { category: item.category ?? item.label ?? 'uncategorised', amount: item.amount },
  );
}

const investmentSchema = z.object({
  investment: z.number().min(0.01).max(MAX_NUMBER),
  returns: z.array(amountSchema).min(1).max(1200),
});

/**
 * ROI and payback of `data.investment` and `data.returns` (one number a month); null where neither is given.
 * `roi` is (returns − investment) / investment; `paybackMonths` the first month by whose end it is paid back.
 */
export function returnOnInvestment(data: Record<string, unknown>): WorkOutput | null {
  if (data['investment'] === undefined && data['returns'] === undefined) return null;
  const read = investmentSchema.safeParse(data);
  if (!read.success) throw new Error('data.investment must be a number from 0.01, and data.returns a list of numbers');
  const { investment, returns } = read.data;
  let sum = 0;
  const cumulative = returns.map((amount) => (sum += amount));
  const paidBackAt = cumulative.findIndex((amount) => amount >= investment);
  return {
    investment,
    totalReturns: roundMoney(sum),
    roi: roundTo((sum - investment) / investment, 4),
    paybackMonths: paidBackAt === -1 ? null : paidBackAt + 1,
    assumptions: ['Each of the returns is one month; none is discounted.'],
  };
}
