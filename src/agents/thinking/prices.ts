import { calcPrice } from '@pydantic/genai-prices';
import type { Price } from '../core/thinking/budget.ts';
import { isLoopbackHost } from '../../util/loopback.ts';

/** What a token costs, by the table of @pydantic/genai-prices; null where it knows no price, as for a local model. */
export interface Pricing {
  /** For looking ahead, at the model's basic rate. */
  price: Price | null;
  cost(used: { inputTokens: number; outputTokens: number }): number;
}

const UNPRICED: Pricing = { price: null, cost: () => 0 };
const SAMPLE_TOKENS = 1_000;

export function pricingOf(baseUrl: string, model: string): Pricing {
  if (isLoopbackHost(new URL(baseUrl).hostname)) return UNPRICED;
  const totals = (inputTokens: number, outputTokens: number) =>
    calcPrice({ input_tokens: inputTokens, output_tokens: outputTokens }, model, { providerApiUrl: baseUrl });
  const sample = totals(SAMPLE_TOKENS, SAMPLE_TOKENS);
  if (sample === null) return UNPRICED;
  return {
    price: { inputUsd: sample.input_price / SAMPLE_TOKENS, outputUsd: sample.output_price / SAMPLE_TOKENS },
    cost: ({ inputTokens, outputTokens }) => totals(inputTokens, outputTokens)?.total_price ?? 0,
  };
}
