import { sql } from 'kysely';
import { MarketError } from '../contracts/errors.ts';
import type { Database } from '../db/database.ts';
import { ListenConnection } from '../db/listen-connection.ts';
import type { Logger } from '../observability/logger.ts';
import { hash53 } from '../util/hash.ts';
import { uuidv7 } from '../util/uuid.ts';
import type { EventBus } from './event-bus.ts';
import { CHANNEL_PREFIX } from './names.ts';
import {
  createTransportEventBus,
  type EventBusOptions,
  type Transport,
  type TransportEvents,
} from './transport-event-bus.ts';

/**
 * The bus on LISTEN/NOTIFY.
 *
 * 1. What is published while a statement is under way goes out together in the next one: one round trip for a burst, and
 *    one statement at a time keeps the order.
 * 2. A message over `MAX_INLINE_BYTES` is stored in `bus_payload` and its id is sent. Whoever hears the id fetches the row; messages
 *    behind it on the same channel wait for that, so that the order holds.
 */

/** A notification holds 7,999 bytes. */
const MAX_INLINE_BYTES = 7_900;
/** PostgreSQL cuts longer identifiers. */
const MAX_NAME_BYTES = 63;
const REFERENCE = '@';
const PAYLOAD_LIFE_SECONDS = 60;
const SWEEP_PERIOD_MS = 30_000;
const SEND_TIMEOUT_MS = 2_000;

export interface PostgresEventBusOptions extends EventBusOptions {
  databaseUrl: string;
  /** Sends; `databaseUrl` is for the connection that listens. Not closed with the bus. */
  db: Database;
}

/** The bus on PostgreSQL. Resolves when it is connected, or after 2 s without: it goes on trying by itself. */
export function createPostgresEventBus(options: PostgresEventBusOptions): Promise<EventBus> {
  return createTransportEventBus(options, async (events) => {
    const logger = options.logger.child({ component: 'bus' });
    const sender = createSender(options.db, logger);
    const receiver = createReceiver(options.db, logger, events);
    const line = new ListenConnection(options.databaseUrl, logger, {
      onNotification: (name, text) => receiver.take(name, text),
      onReconnect: () => events.onReconnect(),
    });
    await within(line.connected(), SEND_TIMEOUT_MS).catch(() => undefined);
    return {
      send: (channel, text) => sender.send(nameOf(channel), text),
      listen: (channel) => {
        receiver.add(nameOf(channel), channel);
        return line.listen(nameOf(channel));
      },
      unlisten: (channel) => {
        receiver.remove(nameOf(channel));
        return line.unlisten(nameOf(channel));
      },
      close: async () => {
        sender.close();
        await line.close();
      },
    } satisfies Transport;
  });
}

function nameOf(channel: string): string {
  const name = CHANNEL_PREFIX + channel;
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  return `${CHANNEL_PREFIX}#${hash53(name).toString(36)}.${hash53(name, 1).toString(36)}`;
}

interface Outgoing {
  name: string;
  text: string;
  sent: PromiseWithResolvers<undefined>;
}

function createSender(db: Database, logger: Logger) {
  let queue: Outgoing[] = [];
  let sending = false;
  let sweptAtMs = 0;

  const refuse = (batch: Outgoing[], cause: unknown) => {
    for (const one of batch)
      one.sent.reject(new MarketError('UNAVAILABLE', 'PostgreSQL does not take messages', { cause }));
  };

  const flush = async () => {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        await within(notify(db, batch), SEND_TIMEOUT_MS);
        for (const one of batch) one.sent.resolve(undefined);
      } catch (error) {
        // those behind have waited as long as the statement that failed: nothing is kept for later
        refuse([...batch, ...queue.splice(0)], error);
      }
    }
    sending = false;
  };

  const sweep = () => {
    if (Date.now() - sweptAtMs < SWEEP_PERIOD_MS) return;
    sweptAtMs = Date.now();
    sql`delete from bus_payload where at < clock_timestamp() - make_interval(secs => ${PAYLOAD_LIFE_SECONDS})`
      .execute(db)
      .catch((error: unknown) => logger.warn({ err: error }, 'old messages were not removed'));
  };

  return {
    send: (name: string, text: string): Promise<void> => {
      const sent = Promise.withResolvers<undefined>();
      queue.push({ name, text, sent });
      // after this turn of the event loop's promises, so that a burst goes out as one
      if (!sending) queueMicrotask(() => void flush());
      sending = true;
      if (text.length > MAX_INLINE_BYTES) sweep();
      return sent.promise;
    },
    close: () => refuse(queue.splice(0), undefined),
  };
}

/**
 * Stores what is long and notifies of all, in order, as one transaction. It waits for no disk (`synchronous_commit` off,
 * for this transaction): a message that a crash of the server loses was lost anyway.
 */
async function notify(db: Database, batch: Outgoing[]): Promise<void> {
  const stored: { id: string; body: string }[] = [];
  const texts = batch.map(({ text }) => {
    if (text.length * 3 <= MAX_INLINE_BYTES || Buffer.byteLength(text) <= MAX_INLINE_BYTES) return text;
    const id = uuidv7();
    stored.push({ id, body: text });
    return REFERENCE + id;
  });
  const names = batch.map(({ name }) => name);
  const notifications = sql`select pg_notify(name, text) from unnest(${names}::text[], ${texts}::text[]) as message(name, text),
    (select set_config('synchronous_commit', 'off', true)) as unhurried`;
  if (stored.length === 0) {
    await notifications.execute(db);
    return;
  }
  const ids = stored.map(({ id }) => id);
  const bodies = stored.map(({ body }) => body);
  await sql`with long_message as (
    insert into bus_payload (id, body) select * from unnest(${ids}::uuid[], ${bodies}::text[])
  ) ${notifications}`.execute(db);
}

function createReceiver(db: Database, logger: Logger, events: TransportEvents) {
  const channelByName = new Map<string, string>();
  /** The last fetch under way by channel: what comes behind it waits. */
  const fetching = new Map<string, Promise<void>>();

  const fetchBody = async (channel: string, id: string): Promise<void> => {
    try {
      const row = await db.selectFrom('bus_payload').select('body').where('id', '=', id).executeTakeFirst();
      if (row === undefined) events.onLost(channel);
      else events.onMessage(channel, row.body);
    } catch (error) {
      logger.warn({ err: error, channel }, 'a long message could not be fetched');
      events.onLost(channel);
    }
  };

  const deliver = (channel: string, text: string): Promise<void> | undefined => {
    if (text.startsWith(REFERENCE)) return fetchBody(channel, text.slice(REFERENCE.length));
    events.onMessage(channel, text);
    return undefined;
  };

  return {
    add: (name: string, channel: string) => {
      channelByName.set(name, channel);
    },
    remove: (name: string) => {
      channelByName.delete(name);
    },
    take: (name: string, text: string) => {
      const channel = channelByName.get(name);
      if (channel === undefined) return;
      const before = fetching.get(channel);
      const delivered = before === undefined ? deliver(channel, text) : before.then(() => deliver(channel, text));
      if (delivered === undefined) return;
      const done = delivered.finally(() => {
        if (fetching.get(channel) === done) fetching.delete(channel);
      });
      fetching.set(channel, done);
    },
  };
}

async function within<Value>(work: Promise<Value>, timeoutMs: number): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
