import { createRequire } from 'node:module';
import type * as GenaiPrices from '@pydantic/genai-prices';
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

/** Loaded when a price is first asked for: its table takes 20 MB of memory, which a market without models does without. */
function loadPrices(): typeof GenaiPrices {
  return createRequire(import.meta.url)('@pydantic/genai-prices') as typeof GenaiPrices;
}

export function pricingOf(baseUrl: string, model: string): Pricing {
  if (isLoopbackHost(new URL(baseUrl).hostname)) return UNPRICED;
  const { calcPrice } = loadPrices();
  const totals = (inputTokens: number, outputTokens: number) =>
    calcPrice({ input_tokens: inputTokens, output_tokens: outputTokens }, model, { providerApiUrl: baseUrl });
  const sample = totals(SAMPLE_TOKENS, SAMPLE_TOKENS);
  if (sample === null) return UNPRICED;
  return {
    price: { inputUsd: sample.input_price / SAMPLE_TOKENS, outputUsd: sample.output_price / SAMPLE_TOKENS },
    cost: ({ inputTokens, outputTokens }) => totals(inputTokens, outputTokens)?.total_price ?? 0,
  };
}
