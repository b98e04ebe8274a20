import type { ExecutionContext, SubtaskInput } from '../../contracts/agent-definition.ts';
import { NO_USAGE, type Usage } from '../../contracts/task.ts';
import { budgetLeft, outputAllowance, type Budget } from '../core/thinking/budget.ts';
import { inputTokensOf, type ChatAnswer, type ChatRequest } from './chat.ts';
import type { ModelEndpoint } from './model-endpoint.ts';
import { ThinkingFault } from './thinking-fault.ts';

/** What one subtask has used of models, held against its share of the task's budget, and told to the market as it grows. */
export class Meter {
  private readonly budget: Budget;
  private readonly context: ExecutionContext;
  private used: Usage = NO_USAGE;
  private readonly models: string[] = [];
  private host = '';
  private unpriced = false;
  private estimated = false;

  constructor(subtask: SubtaskInput, context: ExecutionContext) {
    this.budget = subtask.budget ?? {};
    this.context = context;
  }

  /**
   * How many tokens the next answer may have; undefined where nothing bounds it.
   * @throws ThinkingFault BUDGET_USED_UP
   */
  allowance(
    request: Pick<ChatRequest, 'messages' | 'tools' | 'model' | 'maxTokens'>,
    endpoint: ModelEndpoint,
  ): number | undefined {
    const { price } = endpoint.pricing(request.model);
    const allowed = outputAllowance(this.budget, this.used, inputTokensOf(request), price);
    if (allowed < 1) throw new ThinkingFault('BUDGET_USED_UP', this.describe());
    const most = Math.min(allowed, request.maxTokens ?? Infinity);
    return Number.isFinite(most) ? most : undefined;
  }

  count(usage: ChatAnswer['usage'], model: string, endpoint: ModelEndpoint): void {
    const pricing = endpoint.pricing(model);
    this.unpriced ||= pricing.price === null;
    this.estimated ||= usage.estimated;
    this.add({ inputTokens: usage.inputTokens, outputTokens: usage.outputTokens, costUsd: pricing.cost(usage) });
    if (this.models.at(-1) !== model) this.models.push(model);
    this.host = endpoint.host;
    this.sayMaker();
  }

  /** What others used for this subtask. */
  add(usage: Usage): void {
    this.used = {
      inputTokens: this.used.inputTokens + usage.inputTokens,
      outputTokens: this.used.outputTokens + usage.outputTokens,
      costUsd: this.used.costUsd + usage.costUsd,
    };
    this.context.usage(usage);
  }

  left(): Budget {
    return budgetLeft(this.budget, this.used);
  }

  private sayMaker(): void {
    this.context.madeBy({
      method: 'model',
      model: this.models.join(', '),
      endpoint: this.host,
      unpriced: this.unpriced,
      estimated: this.estimated,
    });
  }

  private describe(): string {
    const { maxTokens, maxCostUsd } = this.budget;
    const tokens = this.used.inputTokens + this.used.outputTokens;
    const shares = [
      ...(maxTokens === undefined ? [] : [`${tokens} of ${maxTokens} tokens`]),
      ...(maxCostUsd === undefined ? [] : [`$${this.used.costUsd.toFixed(4)} of $${maxCostUsd}`]),
    ];
    return `the subtask's share of the budget does not allow another question (used ${shares.join(', ')}).`;
  }
}
