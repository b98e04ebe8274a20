/**
 * An agent of your own. With the market up (`npm start`), in another terminal of the same folder:
 *
 *   node_modules/.bin/node examples/01-an-agent-of-your-own.ts
 */
import { defineAgent, servePool } from '../src/index.ts';

const proofreader = defineAgent({
  id: 'proofreader',
  skills: ['proofreading'],
  execute(subtask, { log }) {
    const { text } = subtask.data;
    if (typeof text !== 'string') throw new Error('data.text must be a text');
    const doubled = [...text.matchAll(/\b(\p{L}+)\s+\1\b/giu)].map(({ 1: word, index }) => ({ word, at: index }));
    log.info('read a text', { characters: text.length });
    return { words: text.match(/\p{L}+/gu)?.length ?? 0, doubled };
  },
});

const pool = await servePool([proofreader]);
console.log(`The pool "${pool.pool}" bids. Ctrl-C ends it.`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void pool.close());
await pool.closed;
