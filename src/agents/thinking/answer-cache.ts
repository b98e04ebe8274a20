import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { SubtaskInput } from '../../contracts/agent-definition.ts';
import type { ChatAnswer, ChatRequest } from './chat.ts';
import type { CacheRule, ThinkingAgentDefinition } from './thinking-agent.ts';

/** Answers of models to the very same question, in this process's memory. Nothing is kept unless its skill's rule says so. */
const kept = new LRUCache<string, ChatAnswer>({ max: 1_000, maxSize: 32 * 1024 * 1024, sizeCalculation: sizeOf });

/** What is kept has been paid for. */
const FREE = { inputTokens: 0, outputTokens: 0, estimated: false };

export async function cachedChat(
  rule: CacheRule | undefined,
  baseUrl: string,
  request: ChatRequest,
  ask: () => Promise<ChatAnswer>,
): Promise<ChatAnswer> {
  if (rule === undefined) return ask();
  const key = createHash('sha256')
    .update(JSON.stringify([baseUrl, request]))
    .digest('base64');
  const known = kept.get(key);
  if (known !== undefined) return { ...known, usage: FREE };
  const answer = await ask();
  if (answer.finishReason !== 'length') kept.set(key, answer, rule.keep === 'forever' ? {} : { ttl: rule.keep.ttlMs });
  return answer;
}

/** Only where every skill of the subtask allows it; of several rules the one that keeps shortest. */
export function cacheRuleFor(definition: ThinkingAgentDefinition, subtask: SubtaskInput): CacheRule | undefined {
  const rules = subtask.skills.map((skill) => definition.cache?.[skill]);
  const ttl = (rule: CacheRule) => (rule.keep === 'forever' ? Infinity : rule.keep.ttlMs);
  if (!rules.every((rule) => rule?.holdsNoUserData === true)) return undefined;
  return rules.filter((rule) => rule !== undefined).sort((a, b) => ttl(a) - ttl(b))[0];
}

function sizeOf(answer: ChatAnswer): number {
  return 200 + answer.text.length + answer.toolCalls.reduce((sum, call) => sum + call.arguments.length, 0);
}
