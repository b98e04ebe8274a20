import { Redis } from 'ioredis';
import { tlsOf } from './redis-connection.ts';

export interface RedisState {
  /** As the server names itself: `8.0.2`. */
  version: string;
  /** `noeviction` where it is set as it must be. */
  maxmemoryPolicy: string;
  appendOnly: boolean;
}

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Asks one server for its state, by INFO, which managed services allow where they refuse CONFIG.
 * @throws the driver's error when it does not answer
 */
export async function checkRedis(url: string): Promise<RedisState> {
  const redis = new Redis(url, {
    ...tlsOf(new URL(url)),
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // `connect` and the commands reject with what goes wrong; the event, unheard, would end the process.
  let lastError: Error | undefined;
  redis.on('error', (error: Error) => {
    lastError = error;
  });
  try {
    await redis.connect();
    const info = readInfo(await redis.info());
    return {
      version: info.get('redis_version') ?? 'unknown',
      maxmemoryPolicy: info.get('maxmemory_policy') ?? 'unknown',
      appendOnly: info.get('aof_enabled') === '1',
    };
  } catch (error) {
    throw lastError ?? error;
  } finally {
    redis.disconnect();
  }
}

function readInfo(text: string): Map<string, string> {
  return new Map(
    text
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}
