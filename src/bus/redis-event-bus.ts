import type { Redis } from 'ioredis';
import { MarketError } from '../contracts/errors.ts';
import type { EventBus } from './event-bus.ts';
import { CHANNEL_PREFIX } from './names.ts';
import { COMMAND_TIMEOUT_MS, connectedWithin, endRedis, openNode } from './redis-connection.ts';
import {
  createTransportEventBus,
  type EventBusOptions,
  type Transport,
  type TransportEvents,
} from './transport-event-bus.ts';

/** A subscriber that hears nothing asks now and then whether its connection lives. */
const PING_PERIOD_MS = 15_000;

export interface RedisEventBusOptions extends EventBusOptions {
  /** `redis://` or `rediss://`; several nodes of a Cluster separated by commas. */
  redisUrl: string;
}

/** The bus on Redis pub/sub. Resolves when it is connected, or after 2 s without: it goes on trying by itself. */
export function createRedisEventBus(options: RedisEventBusOptions): Promise<EventBus> {
  return createTransportEventBus(options, async (events) => {
    const logger = options.logger.child({ component: 'bus' });
    const publisher = openNode(options.redisUrl, 'fast', logger);
    // ioredis would subscribe again without saying when it has
    const subscriber = openNode(options.redisUrl, 'waiting', logger, {
      autoResubscribe: false,
      socketTimeout: 2 * COMMAND_TIMEOUT_MS,
    });
    const transport = redisTransport(publisher, subscriber, events);
    await Promise.all([publisher, subscriber].map((client) => connectedWithin(client, COMMAND_TIMEOUT_MS)));
    return transport;
  });
}

function redisTransport(publisher: Redis, subscriber: Redis, events: TransportEvents): Transport {
  const listened = new Set<string>();
  let connections = 0;
  subscriber.on('message', (name, text) => events.onMessage(name.slice(CHANNEL_PREFIX.length), text));
  subscriber.on('ready', () => {
    connections += 1;
    if (connections === 1) return;
    const standing = listened.size === 0 ? Promise.resolve() : subscriber.subscribe(...listened);
    // a failure means that the connection broke again: its next 'ready' subscribes
    standing.then(
      () => events.onReconnect(),
      () => undefined,
    );
  });
  const pings = setInterval(() => void subscriber.ping().catch(() => undefined), PING_PERIOD_MS);
  pings.unref();

  return {
    send: async (channel, text) => {
      try {
        await publisher.publish(CHANNEL_PREFIX + channel, text);
      } catch (error) {
        throw new MarketError('UNAVAILABLE', 'Redis does not take messages', { cause: error });
      }
    },
    listen: async (channel) => {
      listened.add(CHANNEL_PREFIX + channel);
      await subscriber.subscribe(CHANNEL_PREFIX + channel);
    },
    unlisten: async (channel) => {
      listened.delete(CHANNEL_PREFIX + channel);
      if (subscriber.status === 'ready') await subscriber.unsubscribe(CHANNEL_PREFIX + channel);
    },
    close: async () => {
      clearInterval(pings);
      endRedis(subscriber);
      endRedis(publisher);
    },
  };
}
