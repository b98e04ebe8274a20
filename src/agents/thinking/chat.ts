import type OpenAI from 'openai';
import type { ChatCompletionChunk, ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import { estimateTokens } from '../core/thinking/budget.ts';
import { BrokenAnswer } from './model-faults.ts';

export interface ToolSpec {
  name: string;
  description: string;
  parameters: Record<string, unknown>;
}

export interface ChatRequest {
  model: string;
  messages: ChatCompletionMessageParam[];
  tools: readonly ToolSpec[];
  /** Tells the server to hold the answer to it, where it can; undefined: free text. */
  schema: Record<string, unknown> | undefined;
  temperature: number | undefined;
  topP: number | undefined;
  maxTokens: number | undefined;
}

export interface ToolRequest {
  id: string;
  name: string;
  /** JSON, as the model wrote it. */
  arguments: string;
}

export interface ChatAnswer {
  text: string;
  toolCalls: ToolRequest[];
  /** `length`: it was cut at the limit of tokens. */
  finishReason: string;
  usage: { inputTokens: number; outputTokens: number; estimated: boolean };
}

/** How much more than its limit of tokens a server may send before it is cut off: tokens are only estimated here. */
const OVERRUN = 2;

/**
 * One answer, streamed: `onText` hears each piece. Rejects for a stream that ends before its end, or is no chat completion.
 * What a server that keeps to no limit sends beyond is cut off.
 */
export async function streamChat(
  client: OpenAI,
  request: ChatRequest,
  options: { signal: AbortSignal; timeoutMs: number; newLimitName: boolean; onText: (text: string) => void },
): Promise<ChatAnswer> {
  const { signal, timeoutMs, newLimitName, onText } = options;
  const stream = await client.chat.completions.create(
    { ...bodyOf(request, newLimitName), stream: true, stream_options: { include_usage: true } },
    { signal, timeout: timeoutMs },
  );
  const gathered = new GatheredAnswer(request.maxTokens);
  for await (const chunk of stream) {
    const text = gathered.add(chunk);
    if (text !== '') onText(text);
    if (gathered.overrun) break;
  }
  return gathered.finish(request);
}

function bodyOf(request: ChatRequest, newLimitName: boolean) {
  const { tools, schema, maxTokens } = request;
  return {
    model: request.model,
    messages: request.messages,
    ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
    ...(request.topP === undefined ? {} : { top_p: request.topP }),
    // OpenAI's own newer models refuse the old name; other servers know only that one.
    ...(maxTokens === undefined ? {} : newLimitName ? { max_completion_tokens: maxTokens } : { max_tokens: maxTokens }),
    ...(tools.length === 0
      ? {}
      : { tools: tools.map((tool) => ({ type: 'function' as const, function: { ...tool, strict: false } })) }),
    ...(schema === undefined
      ? {}
      : {
          response_format: {
            type: 'json_schema' as const,
            json_schema: { name: 'delivery', schema, strict: false },
          },
        }),
  };
}

class GatheredAnswer {
  private text = '';
  private readonly calls = new Map<number, ToolRequest>();
  private finishReason: string | null = null;
  private told: { prompt_tokens: number; completion_tokens: number } | undefined;
  private readonly maxTokens: number | undefined;

  constructor(maxTokens: number | undefined) {
    this.maxTokens = maxTokens;
  }

  /** The chunk's text. A server's chunk is a stranger's: each part of it may be missing. */
  add(chunk: Partial<ChatCompletionChunk>): string {
    if (chunk.usage !== undefined && chunk.usage !== null) this.told = chunk.usage;
    const choice = chunk.choices?.[0];
    if (choice === undefined) return '';
    const delta: Partial<ChatCompletionChunk.Choice.Delta> = choice.delta;
    for (const call of delta.tool_calls ?? []) this.addCall(call);
    this.finishReason = choice.finish_reason ?? this.finishReason;
    const piece = delta.content ?? '';
    this.text += piece;
    return piece;
  }

  get overrun(): boolean {
    return this.maxTokens !== undefined && estimateTokens(this.characters()) > OVERRUN * this.maxTokens;
  }

  finish(request: ChatRequest): ChatAnswer {
    if (this.finishReason === null && !this.overrun) throw new BrokenAnswer('The answer broke off before its end.');
    const toolCalls = [...this.calls].sort(([a], [b]) => a - b).map(([, call]) => call);
    if (this.text === '' && toolCalls.length === 0 && this.told === undefined)
      throw new BrokenAnswer('The answer holds neither text nor calls.');
    return { text: this.text, toolCalls, finishReason: this.finishReason ?? 'length', usage: this.usage(request) };
  }

  private addCall(part: ChatCompletionChunk.Choice.Delta.ToolCall): void {
    const call = this.calls.get(part.index) ?? { id: '', name: '', arguments: '' };
    this.calls.set(part.index, {
      id: part.id ?? (call.id === '' ? `call_${part.index}` : call.id),
      name: call.name + (part.function?.name ?? ''),
      arguments: call.arguments + (part.function?.arguments ?? ''),
    });
  }

  private characters(): number {
    const inCalls = [...this.calls.values()].reduce((sum, call) => sum + call.name.length + call.arguments.length, 0);
    return this.text.length + inCalls;
  }

  private usage(request: ChatRequest): ChatAnswer['usage'] {
    if (this.told !== undefined)
      return {
        inputTokens: this.told.prompt_tokens,
        outputTokens: this.told.completion_tokens,
        estimated: false,
      };
    return {
      inputTokens: inputTokensOf(request),
      outputTokens: estimateTokens(this.characters()),
      estimated: true,
    };
  }
}

/** About how many tokens a question has. */
export function inputTokensOf(request: Pick<ChatRequest, 'messages' | 'tools'>): number {
  return estimateTokens(JSON.stringify([request.messages, request.tools]).length);
}
