import { readFileSync } from 'node:fs';
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import type { Logger } from '../observability/logger.ts';
import { backoffMs } from '../util/backoff.ts';

/** How long a command may go unanswered. */
export const COMMAND_TIMEOUT_MS = 2_000;

const retryStrategy = (tries: number) => backoffMs(tries - 1, 50, 1_000);

/**
 * Two kinds of connection. *fast*: a command fails at once while Redis is away, and is never sent twice; for whoever has somebody
 * waiting. *waiting*: commands wait until Redis is back; for subscribers and workers.
 * The socket's time-out is for a peer that went without a word: the connection is then made anew.
 */
const KINDS = {
  fast: {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: 2 * COMMAND_TIMEOUT_MS,
  },
  waiting: { maxRetriesPerRequest: null, socketTimeout: 30_000 },
} satisfies Record<string, RedisOptions>;

export type ConnectionKind = keyof typeof KINDS;

/** A client of `redisUrl`; of a Redis Cluster where that lists several nodes, separated by commas. It connects by itself. */
export function openRedis(redisUrl: string, kind: ConnectionKind, logger: Logger): Redis | Cluster {
  const nodes = nodesOf(redisUrl);
  const { enableOfflineQueue = true, ...redisOptions }: RedisOptions = KINDS[kind];
  const client =
    nodes.length === 1
      ? openNode(redisUrl, kind, logger)
      : new Cluster(
          nodes.map((node) => ({ host: node.hostname, port: portOf(node) })),
          {
            enableOfflineQueue,
            clusterRetryStrategy: retryStrategy,
            ...keepingNames(nodes),
            redisOptions: { ...redisOptions, ...credentialsOf(nodes[0]) },
          },
        );
  if (client instanceof Cluster) logErrors(client, logger);
  return client;
}

/**
 * A client of one node of `redisUrl`; after a broken connection it tries the next node. Enough for pub/sub, which a
 * Cluster carries from every node to every other.
 */
export function openNode(redisUrl: string, kind: ConnectionKind, logger: Logger, overrides: RedisOptions = {}): Redis {
  const nodes = nodesOf(redisUrl);
  const client: Redis = new Redis(nodes[0]?.href ?? '', {
    keepAlive: 10_000,
    ...tlsOf(nodes[0]),
    ...KINDS[kind],
    ...overrides,
    retryStrategy: (tries) => {
      const next = nodes[tries % nodes.length];
      if (next !== undefined) Object.assign(client.options, { host: next.hostname, port: portOf(next) });
      return retryStrategy(tries);
    },
  });
  logErrors(client, logger);
  return client;
}

function nodesOf(redisUrl: string): URL[] {
  return redisUrl.split(',').map((url) => new URL(url.trim()));
}

function portOf(node: URL): number {
  return node.port === '' ? 6379 : Number(node.port);
}

function credentialsOf(node: URL | undefined): RedisOptions {
  if (node === undefined) return {};
  return {
    ...(node.username === '' ? {} : { username: decodeURIComponent(node.username) }),
    ...(node.password === '' ? {} : { password: decodeURIComponent(node.password) }),
    ...tlsOf(node),
  };
}

/** For `rediss://`; the parameter `sslrootcert` names the CA that is believed, in place of those that Node knows. */
export function tlsOf(node: URL | undefined): Pick<RedisOptions, 'tls'> {
  if (node?.protocol !== 'rediss:') return {};
  const caFile = node.searchParams.get('sslrootcert');
  return { tls: caFile === null ? {} : { ca: readFileSync(caFile, 'utf8') } };
}

/** ioredis would look nodes up and connect to their addresses, which certificates do not name. */
function keepingNames(nodes: URL[]): Pick<ClusterOptions, 'dnsLookup'> {
  if (nodes[0]?.protocol !== 'rediss:') return {};
  return { dnsLookup: (name, callback) => callback(null, name) };
}

/** Once for each outage: a client that cannot connect says so several times a second. */
function logErrors(client: Redis | Cluster, logger: Logger): void {
  let away = false;
  client.on('error', (error: unknown) => {
    if (!away) logger.warn({ err: error }, 'Redis does not answer; connecting again until it does');
    away = true;
  });
  client.on('ready', () => {
    if (away) logger.info('Redis answers again');
    away = false;
  });
}

/** Resolves when `client` is connected, or after `timeoutMs` without: it goes on trying by itself. */
export async function connectedWithin(client: Redis | Cluster, timeoutMs: number): Promise<boolean> {
  if (client.status === 'ready') return true;
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      client.off('ready', finish).off('end', finish);
      resolve(client.status === 'ready');
    };
    const timer = setTimeout(finish, timeoutMs);
    client.once('ready', finish).once('end', finish);
  });
}

/**
 * Ends `client` for good: what waits in it rejects. Told to disconnect between two tries, ioredis would cancel the next
 * one and then wait for its outcome for ever; one more try, which it takes as the last, ends it.
 */
export function endRedis(client: Redis | Cluster): void {
  const betweenTries = client.status === 'reconnecting';
  client.disconnect();
  if (!betweenTries || client instanceof Cluster) return;
  client.connect().then(
    () => client.disconnect(),
    () => undefined,
  );
}
