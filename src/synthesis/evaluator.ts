import { compileCheck } from './core/expressions.ts';
import { readAhead } from './read-ahead.ts';
import { createSandbox } from './sandbox.ts';

/** Evaluates JSONata that strangers had a hand in, within the sandbox's limits of time and memory. */
export interface Evaluator {
  /** What the expression comes to over the input, as JSON; undefined for nothing. @throws Error with the fault */
  evaluate: (expression: string, input: unknown) => Promise<unknown>;
  /** Ends the process, if one was ever needed. */
  close: () => Promise<void>;
}

export function createEvaluator(): Evaluator {
  const sandbox = createSandbox('expressions');
  return {
    evaluate: async (expression, input) => {
      await readAhead([expression]);
      const fault = compileCheck(expression);
      if (fault !== null) throw new Error(`the expression cannot be read: ${fault}`);
      const [answer] = await sandbox.ask({ questions: [{ kind: 'value', expression }], input });
      if (answer?.kind === 'value') return answer.value;
      throw new Error(
        `the expression failed: ${answer !== undefined && 'message' in answer ? answer.message : 'no answer'}`,
      );
    },
    close: () => sandbox.close(),
  };
}
