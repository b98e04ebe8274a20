/** The child's side of `child.ts`: answers what the benchmark asks of a process that it measures. */
export type Handlers = Record<string, (argument: unknown) => unknown>;

interface Question {
  id: number;
  kind: string;
  argument: unknown;
}

export function answerParent(handlers: Handlers): void {
  process.on('message', (question: Question) => void answer(handlers, question));
  // A benchmark that dies takes what it started with it.
  process.once('disconnect', () => process.exit(0));
}

async function answer(handlers: Handlers, { id, kind, argument }: Question): Promise<void> {
  try {
    const handler = handlers[kind];
    if (handler === undefined) throw new Error(`nobody answers "${kind}"`);
    process.send?.({ id, value: (await handler(argument)) ?? null });
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
