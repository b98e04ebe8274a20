import type { Usage } from '../../../contracts/task.ts';

export interface Budget {
  maxTokens?: number | undefined;
  maxCostUsd?: number | undefined;
}

/** USD for one token. Null: not known, as for a local model; it then counts as 0. */
export interface Price {
  inputUsd: number;
  outputUsd: number;
}

/** Most tokenizers make 3–5 characters of plain text to a token. Used where a server tells no usage, and to look ahead. */
const CHARS_PER_TOKEN = 4;

export function estimateTokens(characters: number): number {
  return Math.ceil(characters / CHARS_PER_TOKEN);
}

export function costOf(tokens: { inputTokens: number; outputTokens: number }, price: Price | null): number {
  if (price === null) return 0;
  return tokens.inputTokens * price.inputUsd + tokens.outputTokens * price.outputUsd;
}

/**
 * How many tokens the next answer may have, when its question has about `inputTokens`: 0 where the budget is used up, and
 * Infinity where there is none.
 */
export function outputAllowance(budget: Budget, used: Usage, inputTokens: number, price: Price | null): number {
  const byTokens =
    budget.maxTokens === undefined ? Infinity : budget.maxTokens - used.inputTokens - used.outputTokens - inputTokens;
  return Math.max(0, Math.floor(Math.min(byTokens, allowanceByCost(budget, used, inputTokens, price))));
}

function allowanceByCost(budget: Budget, used: Usage, inputTokens: number, price: Price | null): number {
  if (budget.maxCostUsd === undefined || price === null) return Infinity;
  const leftUsd = budget.maxCostUsd - used.costUsd - inputTokens * price.inputUsd;
  if (leftUsd <= 0) return 0;
  return price.outputUsd === 0 ? Infinity : leftUsd / price.outputUsd;
}

/** What is left for somebody else to use. */
export function budgetLeft(budget: Budget, used: Usage): Budget {
  return {
    ...(budget.maxTokens === undefined
      ? {}
      : { maxTokens: Math.max(0, budget.maxTokens - used.inputTokens - used.outputTokens) }),
    ...(budget.maxCostUsd === undefined ? {} : { maxCostUsd: Math.max(0, budget.maxCostUsd - used.costUsd) }),
  };
}
