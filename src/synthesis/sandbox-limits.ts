import type { Evaluation } from './core/evaluation.ts';

/** After this an evaluation gives up by itself, wherever JSONata looks at the clock. */
export const EVALUATION_LIMIT_MS = 250;
/** After this the process is killed: for what looks at no clock, such as a regular expression that backtracks. */
export const EXPRESSION_LIMIT_MS = 500;
/** A schema that is not decided within this is not satisfied. More than honest schemas need by two orders of magnitude. */
export const SCHEMA_LIMIT_MS = 1_000;
/** After this the rest of what was asked for at once is a fault, so that one task's rules cannot hold up the others'. */
export const BATCH_LIMIT_MS = 1_000;
/** To load JSONata and Ajv, on a machine that is busy with a hundred other things. */
export const START_LIMIT_MS = 15_000;
/** Nested evaluations. A rule in words needs a dozen; a runaway recursion is stopped long before the stack is. */
export const DEPTH_LIMIT = 200;
/** Items of one intermediate sequence. */
export const SEQUENCE_LIMIT = 100_000;
export const HEAP_LIMIT_MIB = 128;

type Schema = Record<string, unknown>;

/** An expression sees the whole input; `satisfies` looks at its `value`, and `compiles` at none of it. */
export type Question =
  | { kind: 'expression'; expression: string }
  /** As `expression`, but what it comes to is wanted, and not only whether it holds. */
  | { kind: 'value'; expression: string }
  | { kind: 'satisfies'; schema: Schema }
  | { kind: 'compiles'; schema: Schema };

export interface SandboxRequest {
  questions: readonly Question[];
  /** A JSON value. */
  input: unknown;
}

/** What an expression came to, as JSON where its value is wanted. For a schema: decided as true, or why not, or a fault where nobody could tell. */
export type Answer = Evaluation | { kind: 'value'; value: unknown } | { kind: 'mismatch'; message: string };

/** `ready` once, then one answer for each question, in the order asked; after a mismatch the rest is not looked at. */
export type SandboxMessage = { kind: 'ready' } | { kind: 'answered'; answer: Answer };
