import { CommanderError } from 'commander';
import { ConfigError } from '../config.ts';
import { SwarmbidError } from '../sdk/index.ts';

/** What the shell is told; part of the command line's contract. */
export const EXIT = {
  done: 0,
  /** The task or the check failed, or the server refused. */
  failed: 1,
  /** The command line, its input or the environment is wrong. */
  usage: 2,
  unreachable: 3,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command was given something that it cannot work with. */
export class UsageError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'UsageError';
  }
}

/** Codes of requests that no server would take: what was typed must change. */
const USAGE_CODES: ReadonlySet<string> = new Set(['INVALID_REQUEST', 'PAYLOAD_TOO_LARGE', 'IDEMPOTENCY_KEY_REUSED']);

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof UsageError || error instanceof ConfigError) return EXIT.usage;
  if (!(error instanceof SwarmbidError)) return EXIT.failed;
  if (error.code === 'UNREACHABLE') return EXIT.unreachable;
  return USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.failed;
}
