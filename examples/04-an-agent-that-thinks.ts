/**
 * An agent that thinks with a model of your own machine. With the market up (`npm start`) and Ollama running, in another
 * terminal of the same folder (the model is pulled once, about 2 GB):
 *
 *   ollama pull llama3.2 && OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_MODEL=llama3.2 node_modules/.bin/node examples/04-an-agent-that-thinks.ts
 */
import { z } from 'zod';
import { bestBidder, defineThinkingAgent, defineTool, servePool } from '../src/index.ts';

const countWords = defineTool({
  name: 'count_words',
  description: 'Counts the words of a text',
  parameters: z.object({ text: z.string() }),
  run: ({ text }) => text.match(/\p{L}+/gu)?.length ?? 0,
});

const editor = defineThinkingAgent({
  id: 'editor',
  name: 'Editor',
  skills: ['editing'],
  instructions: 'You shorten texts and keep their meaning. Count the words before and after.',
  model: { temperature: 0.3, maxTokens: 800 },
  tools: [countWords],
  handoffs: [bestBidder('documentation')],
  outputSchema: {
    type: 'object',
    properties: { text: { type: 'string' }, wordsBefore: { type: 'integer' }, wordsAfter: { type: 'integer' } },
    required: ['text'],
  },
  limits: { maxTurns: 6 },
  memory: true,
});

const pool = await servePool([editor]);
console.log(`The pool "${pool.pool}" bids. Ctrl-C ends it.`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void pool.close());
await pool.closed;
