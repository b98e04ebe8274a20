import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

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

/** JSON lines on stderr, so that stdout stays for what a command answers. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  return pino(
    { level, redact: { paths: REDACTED, censor: '[redacted]' }, base: { pid: process.pid } },
    destination ?? pino.destination({ dest: 2, sync: false }),
  );
}
