/** System errors of a connection that cannot be made or broke. */
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);

/**
 * PostgreSQL's SQLSTATEs for "not now": 08 connection, 53 resources, 57P shutdown and start-up, 57014 and 25P03 and 55P03
 * time-outs of ours, 40 serialization and deadlock, 25006 a standby that takes no writes.
 */
const PASSING_SQLSTATE = /^(08\w{3}|53\w{3}|57P0\w|57014|25P03|25006|55P03|40\w{3})$/;

/** node-postgres and ioredis name these faults by message alone. */
const CONNECTION_MESSAGE =
  /timeout exceeded when trying to connect|connection terminated|query read timeout|not queryable|cannot use a pool after calling end|driver has already been destroyed|connection is closed|stream isn't writeable|command timed out/i;

/** True if `error`, or what caused it, says that a store does not answer now and may answer later. */
export function isStoreFailure(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 5) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (isConnectionCode(code, error) || PASSING_SQLSTATE.test(code) || CONNECTION_MESSAGE.test(error.message))
    return true;
  if (error instanceof AggregateError && error.errors.some((one) => isStoreFailure(one, depth + 1))) return true;
  return isStoreFailure(error.cause, depth + 1);
}

/** ENOENT counts for a missing Unix socket only, not for a missing file. */
function isConnectionCode(code: string, error: Error): boolean {
  if (code === 'ENOENT') return 'syscall' in error && error.syscall === 'connect';
  return CONNECTION_CODES.has(code);
}

/** Something that a store does not take is repeated for so long. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 200;

/**
 * Repeats what may be done twice while a store is away, for 30 s; `onWait` is told the first failure.
 * @throws what it threw last, or at once for another reason
 */
export async function persist<Answer>(
  attempt: () => Promise<Answer>,
  onWait: (error: unknown) => void = () => undefined,
): Promise<Answer> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isStoreFailure(error) || performance.now() > untilMs) throw error;
      if (tries === 0) onWait(error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
