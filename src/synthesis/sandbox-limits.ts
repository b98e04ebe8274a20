import type { Evaluation } from './core/evaluation.ts';

/** After this an evaluation gives up by itself, wherever JSONata looks at the clock. */
export const EVALUATION_LIMIT_MS = 250;
/** After this its thread is ended: for what looks at no clock, such as a regular expression that backtracks. */
export const THREAD_LIMIT_MS = 750;
/** After this the rest of what was asked for at once is a fault, so that one task's rules cannot hold up the others'. */
export const BATCH_LIMIT_MS = 1_500;
/** Nested evaluations. A rule in words needs a dozen; a runaway recursion is stopped long before the stack is. */
export const DEPTH_LIMIT = 200;
/** Items of one intermediate sequence. */
export const SEQUENCE_LIMIT = 100_000;
export const HEAP_LIMIT_MIB = 128;

export interface SandboxRequest {
  expressions: readonly string[];
  input: unknown;
}

/** `ready` once, then one evaluation for each expression, in the order asked. */
export type SandboxAnswer = { kind: 'ready' } | { kind: 'evaluated'; evaluation: Evaluation };
