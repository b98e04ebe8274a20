import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { traceFields } from './tracing.ts';

export type Logger = PinoLogger;

const REDACTED = [
  'authorization',
  'headers.authorization',
  '*.authorization',
  'token',
  '*.token',
  'key',
  '*.key',
  'secret',
  '*.secret',
];

/**
 * What is logged of an error beside its name, message and stack. Libraries hang what they were working on to their errors
 * (PostgreSQL the row in `detail` and `where`, ioredis the command with its arguments, among them passwords and payloads),
 * so whatever is not named here stays out.
 */
const SHOWN_OF_ERRORS = new Set([
  'code',
  'errno',
  'syscall',
  'address',
  'port',
  'severity',
  'table',
  'constraint',
  'routine',
]);

/**
 * JSON lines on stderr, so that stdout stays for what a command answers. Written at once: what is held back to the end of a
 * process is written there until somebody reads it, and a process whose reader has gone would never end.
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      redact: { paths: REDACTED, censor: '[redacted]' },
      base: { pid: process.pid },
      mixin: traceFields,
      serializers: { err: serializeError },
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error;
  const { type, message, stack } = pino.stdSerializers.err(error);
  const shown = Object.entries(error).filter(([name, value]) => SHOWN_OF_ERRORS.has(name) && typeof value !== 'object');
  const errors = error instanceof AggregateError ? { errors: error.errors.map(serializeError) } : {};
  return { type, message, stack, ...Object.fromEntries(shown), ...errors };
}
