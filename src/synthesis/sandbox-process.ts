/**
 * The inside of the sandbox, started by sandbox.ts as a process of its own. It ends with the channel to its parent; where
 * an expression keeps it from hearing of that, its watchdog ends it.
 */
import { Worker } from 'node:worker_threads';
import jsonata from 'jsonata';
import type { Evaluation } from './core/evaluation.ts';
import { describeFault } from './core/expressions.ts';
import { LRUCache } from 'lru-cache';
import {
  DEPTH_LIMIT,
  EVALUATION_LIMIT_MS,
  SEQUENCE_LIMIT,
  type Answer,
  type Question,
  type SandboxMessage,
  type SandboxRequest,
} from './sandbox-limits.ts';

const EXPRESSIONS_KEPT = 500;
const MESSAGE_CHARACTERS = 500;
const HELD: Answer = { kind: 'decided', holds: true };

process.on('disconnect', () => process.exit());
// a terminal sends them to the whole group; the parent decides when judging ends
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

// an expression that reached a prototype could change what later expressions see
for (const prototype of [Object.prototype, Array.prototype, Function.prototype, String.prototype])
  Object.seal(prototype);

const compiled = new LRUCache<string, jsonata.Expression>({
  max: EXPRESSIONS_KEPT,
  memoMethod: (expression) => jsonata(expression, limits),
});
const limits = { timeout: EVALUATION_LIMIT_MS, stack: DEPTH_LIMIT, sequence: SEQUENCE_LIMIT };
let turn = Promise.resolve();

process.on('message', (request: SandboxRequest) => {
  turn = turn.then(() => answerAll(request));
});
startWatchdog();
// a process for expressions alone starts in half the time without
if (process.argv[2] === 'schemas') await import('./output-schema.ts');
void say({ kind: 'ready' });

function startWatchdog(): void {
  const file = import.meta.url.endsWith('.ts')
    ? new URL('./sandbox-watchdog.ts', import.meta.url)
    : new URL('./sandbox-watchdog.js', import.meta.url);
  new Worker(file, { workerData: process.ppid }).unref();
}

async function answerAll({ questions, input }: SandboxRequest): Promise<void> {
  for (const question of questions) {
    const answer = await answerTo(question, input);
    await say({ kind: 'answered', answer });
    if (answer.kind === 'mismatch') return;
  }
}

/** Waits until it is written: what follows may be killed before it comes to that. */
function say(message: SandboxMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve());
  });
}

async function answerTo(question: Question, input: unknown): Promise<Answer> {
  try {
    if (question.kind === 'expression') return await evaluate(question.expression, input);
    if (question.kind === 'value') return { kind: 'value', value: await valueOf(question.expression, input) };
    const { schema } = question;
    const { schemaFault, schemaMismatch } = await import('./output-schema.ts');
    const found =
      question.kind === 'compiles' ? schemaFault(schema) : schemaMismatch(schema, (input as { value: unknown }).value);
    return found === null ? HELD : { kind: 'mismatch', message: shortened(found) };
  } catch (fault) {
    return { kind: 'fault', message: shortened(describeFault(fault)) };
  }
}

function valueOf(expression: string, input: unknown): Promise<unknown> {
  return compiled.memo(expression).evaluate(input);
}

async function evaluate(expression: string, input: unknown): Promise<Evaluation> {
  const value = await valueOf(expression, input);
  if (typeof value === 'boolean') return { kind: 'decided', holds: value };
  return { kind: value === undefined ? 'nothing' : 'other' };
}

function shortened(text: string): string {
  return text.slice(0, MESSAGE_CHARACTERS).toWellFormed();
}
