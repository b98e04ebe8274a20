import { z } from 'zod';
import type { AgentMarket, Memory } from '../../contracts/agent-market.ts';
import { defineTool, type AgentTool } from '../tools/tool.ts';
import { endpointFor } from './model-endpoint.ts';
import type { MemoryRules, Persona } from './thinking-agent.ts';

const DEFAULT_RECALL = 5;
const MAX_EMBEDDED_CHARS = 8_000;

function memoryRulesOf({ definition: { memory } }: Persona): MemoryRules | undefined {
  return memory === true ? {} : memory;
}

/** What the agent remembers that bears on a subtask. A server that makes no embeddings costs only the recall by meaning. */
export async function recallFor(
  persona: Persona,
  market: AgentMarket,
  query: string,
  signal: AbortSignal,
): Promise<Memory[]> {
  const rules = memoryRulesOf(persona);
  if (rules === undefined || query.trim() === '') return [];
  const embedding = await embeddingOf(persona, rules, query, signal);
  return market.memory.recall(query, { limit: rules.recall ?? DEFAULT_RECALL, embedding });
}

/** Lets the model remember, recall and forget. Whatever it remembers comes back to it as data, not as instructions. */
export function memoryTools(persona: Persona): AgentTool[] {
  const rules = memoryRulesOf(persona);
  if (rules === undefined) return [];
  return [
    defineTool({
      name: 'remember',
      description: 'Keeps a fact for later tasks of the same owner. Say it in one self-contained sentence or two.',
      parameters: z.strictObject({ text: z.string().min(1).max(4_000) }),
      run: async ({ text }, { market, signal }) => {
        const { id } = await market.memory.remember(text, await embeddingOf(persona, rules, text, signal));
        return { id };
      },
    }),
    defineTool({
      name: 'recall',
      description: 'Finds what was remembered, by words and meaning.',
      parameters: z.strictObject({ query: z.string().min(1).max(1_000) }),
      run: async ({ query }, { market, signal }) => {
        const found = await recallFor(persona, market, query, signal);
        return found.map(({ id, text, at, taskId }) => ({ id, text, at, taskId }));
      },
    }),
    defineTool({
      name: 'forget',
      description: 'Deletes one memory for good.',
      parameters: z.strictObject({ id: z.string() }),
      run: async ({ id }, { market }) => ({ forgotten: await market.memory.forget(id) }),
    }),
  ];
}

async function embeddingOf(
  persona: Persona,
  { embeddingModel }: MemoryRules,
  text: string,
  signal: AbortSignal,
): Promise<number[] | undefined> {
  if (embeddingModel === undefined) return undefined;
  const [embedding] = await endpointFor(persona.model)
    .embed(embeddingModel, [text.slice(0, MAX_EMBEDDED_CHARS)], signal)
    .catch((): number[][] => {
      signal.throwIfAborted();
      return [];
    });
  return embedding;
}
