/** Runs in a thread of its own; see sandbox.ts. */
import { parentPort } from 'node:worker_threads';
import jsonata from 'jsonata';
import { describeFault } from './core/expressions.ts';
import { createLruCache } from './core/lru-cache.ts';
import type { Evaluation } from './core/evaluation.ts';
import {
  DEPTH_LIMIT,
  EVALUATION_LIMIT_MS,
  SEQUENCE_LIMIT,
  type SandboxAnswer,
  type SandboxRequest,
} from './sandbox-limits.ts';

const EXPRESSIONS_KEPT = 500;
const FAULT_CHARACTERS = 300;

const port = parentPort;
if (port === null) throw new Error('this file is the inside of a worker thread');

// an expression that reached a prototype could change what later expressions see
for (const prototype of [Object.prototype, Array.prototype, Function.prototype, String.prototype])
  Object.seal(prototype);

const compiled = createLruCache<string, jsonata.Expression>(EXPRESSIONS_KEPT);
const limits = { timeout: EVALUATION_LIMIT_MS, stack: DEPTH_LIMIT, sequence: SEQUENCE_LIMIT };
let turn = Promise.resolve();

port.on('message', (request: SandboxRequest) => {
  turn = turn.then(() => answer(request));
});

port.postMessage({ kind: 'ready' } satisfies SandboxAnswer);

async function answer(request: SandboxRequest): Promise<void> {
  for (const expression of request.expressions) {
    const evaluation = await evaluate(expression, request.input);
    port?.postMessage({ kind: 'evaluated', evaluation } satisfies SandboxAnswer);
  }
}

async function evaluate(expression: string, input: unknown): Promise<Evaluation> {
  try {
    const program = compiled.getOrMake(expression, () => jsonata(expression, limits));
    const value: unknown = await program.evaluate(input);
    if (typeof value === 'boolean') return { kind: 'decided', holds: value };
    return { kind: value === undefined ? 'nothing' : 'other' };
  } catch (fault) {
    return { kind: 'fault', message: describeFault(fault).slice(0, FAULT_CHARACTERS).toWellFormed() };
  }
}
