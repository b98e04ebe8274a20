import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import type { ExecutionContext } from '../../contracts/agent-definition.ts';
import type { Complexity } from '../../contracts/task.ts';
import { modelFor } from '../core/thinking/model-tier.ts';
import { cachedChat } from './answer-cache.ts';
import type { ChatAnswer, ChatRequest, ToolSpec } from './chat.ts';
import type { Meter } from './meter.ts';
import { endpointFor } from './model-endpoint.ts';
import type { CacheRule, Persona } from './thinking-agent.ts';

const NOTE_CHARS = 200;

export interface Question {
  messages: ChatCompletionMessageParam[];
  tools: readonly ToolSpec[];
  schema: Record<string, unknown> | undefined;
  complexity: Complexity;
  cache: CacheRule | undefined;
  /** Where this answer's progress begins and ends, in percent. */
  span: [number, number];
}

/** Asks the agent's model once: within the budget, from what is kept where that is allowed, its words told as they come. */
export async function askModel(
  persona: Persona,
  question: Question,
  context: ExecutionContext,
  meter: Meter,
): Promise<ChatAnswer> {
  const { model: settings } = persona;
  const endpoint = endpointFor(settings);
  const bare = {
    model:
      settings.model === undefined
        ? await endpoint.defaultModel(context.signal)
        : modelFor(settings.model, question.complexity),
    messages: question.messages,
    tools: question.tools,
    maxTokens: settings.maxTokens,
  };
  const request: ChatRequest = {
    ...bare,
    schema: question.schema,
    temperature: settings.temperature,
    topP: settings.topP,
    maxTokens: meter.allowance(bare, endpoint),
  };
  const tell = teller(context, persona.id, question.span);
  const answer = await cachedChat(question.cache, endpoint.baseUrl, request, () =>
    endpoint.chat(request, context.signal, tell),
  );
  meter.count(answer.usage, bare.model, endpoint);
  return answer;
}

/** The last words of the answer so far. How long it will get nobody knows: it comes nearer to the end of its span with every word. */
function teller(context: ExecutionContext, agentId: string, [from, to]: [number, number]) {
  let text = '';
  return (piece: string) => {
    text += piece;
    const share = 1 - 1 / (1 + text.length / 1_000);
    context.progress(from + share * (to - from), `${agentId}: ${text.slice(-NOTE_CHARS).replaceAll(/\s+/g, ' ')}`);
  };
}
