import type { TaskSpec, Usage } from '../../contracts/task.ts';

export interface BudgetShare {
  maxTokens: number | null;
  maxCostUsd: number | null;
}

/** As far as a share depends on them. */
interface Parts {
  spec: Pick<TaskSpec, 'budget'>;
  usage: Usage;
  subtasks: readonly { id: string; status: string }[];
}

const UNSETTLED = new Set(['pending', 'awarded', 'running']);

/**
 * What the next attempt of a subtask may use: what is left of the task's budget, less an equal part of the whole for each
 * other subtask that is not settled. At the first award that is an equal part; later, what others did not use is there for
 * another try. Null: no limit.
 */
export function shareOfBudget({ spec, usage, subtasks }: Parts, subtaskId: string): BudgetShare {
  const { maxTokens, maxCostUsd } = spec.budget ?? {};
  const others = subtasks.filter((one) => one.id !== subtaskId && UNSETTLED.has(one.status)).length;
  const left = (whole: number, used: number) =>
    Math.max(0, whole - used - (whole / Math.max(1, subtasks.length)) * others);
  return {
    maxTokens: maxTokens === undefined ? null : Math.floor(left(maxTokens, usage.inputTokens + usage.outputTokens)),
    maxCostUsd: maxCostUsd === undefined ? null : left(maxCostUsd, usage.costUsd),
  };
}

/** True if nothing is left for another attempt. */
export function isUsedUp({ maxTokens, maxCostUsd }: BudgetShare): boolean {
  return maxTokens === 0 || maxCostUsd === 0;
}
