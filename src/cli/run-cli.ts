import { CommanderError } from 'commander';
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts';
import { describeError, explainError } from './explain-error.ts';
import { createProgram } from './program.ts';
import { colorsFor } from './colors.ts';
import type { CliStreams } from './session.ts';

/** Runs one command line (without `node` and the script) and resolves to its exit code; never rejects. */
export async function runCli(argv: readonly string[], streams: CliStreams): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done;
  const program = createProgram({
    streams,
    exitWith: (code) => {
      exitCode = code;
    },
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) report(error, streams);
    const code = exitCodeOf(error);
    if (argv.includes('--json') && code !== EXIT.done)
      streams.stdout.write(`${JSON.stringify({ error: describe(error) })}\n`);
    return code;
  }
}

function report(error: unknown, streams: CliStreams): void {
  const colors = colorsFor(streams.stderr, streams.env);
  const [first = '', ...rest] = explainError(error);
  streams.stderr.write([`${colors.red('error')} ${first}`, ...rest, ''].join('\n'));
}

function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof CommanderError)) return describeError(error);
  return { code: 'WRONG_USAGE', status: null, detail: error.message.replace(/^error: /, ''), errors: [] };
}
