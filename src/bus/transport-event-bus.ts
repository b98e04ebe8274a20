import type { z } from 'zod';
import { MarketError } from '../contracts/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { uuidv7 } from '../util/uuid.ts';
import type { BusKeys } from './bus-keys.ts';
import { decodeEnvelope, encodeEnvelope, REPLY_CHANNEL_PREFIX, type Envelope } from './envelope.ts';
import type { EventBus, ReceivedMessage, RequestOptions, Subscription } from './event-bus.ts';
import { Freshness, type Staleness } from './freshness.ts';

/**
 * All of an `EventBus` that does not depend on what carries the messages.
 *
 * 1. A channel is listened to while it has a subscription: from the first one's `listen` to the last one's `unlisten`.
 * 2. A message is decoded and its signature checked once; its payload is checked once for each subscription, by that subscription's schema.
 * 3. All replies to this bus come in on one channel of its own, listened to from the start, so that a request costs one
 *    message; a reply finds its request by correlation id. One that finds none came too late and is no fault.
 */

/** Carries text by channel. Names of channels are the market's; an adapter makes its own of them. */
export interface Transport {
  /** Hands `text` to all who listen now. In the order of the calls; rejects within 2 s if it cannot. */
  send(channel: string, text: string): Promise<void>;
  /** Resolves when whatever is sent from now on arrives; while the connection is broken, waits for it. */
  listen(channel: string): Promise<void>;
  unlisten(channel: string): Promise<void>;
  /** Ends the connections; a pending `listen` rejects. */
  close(): Promise<void>;
}

/** What a transport tells the bus. */
export interface TransportEvents {
  onMessage(channel: string, text: string): void;
  /** A message was announced and cannot be had. */
  onLost(channel: string): void;
  /** The connection is whole again and every channel is listened to. */
  onReconnect(): void;
}

export interface EventBusOptions {
  /** In whose name messages are sent: a pool's, or `market:` and roles. */
  from: string;
  keys: BusKeys;
  logger: Logger;
  metrics: Metrics;
}

interface ChannelState {
  listeners: Set<(envelope: Envelope) => void>;
  listening: Promise<void>;
}

interface PendingRequest {
  take(envelope: Envelope): void;
  end(): void;
}

/** @param connect starts the transport that reports to `events` */
export async function createTransportEventBus(
  options: EventBusOptions,
  connect: (events: TransportEvents) => Promise<Transport>,
): Promise<EventBus> {
  const ears: Partial<TransportEvents> = {};
  const transport = await connect({
    onMessage: (channel, text) => ears.onMessage?.(channel, text),
    onLost: (channel) => ears.onLost?.(channel),
    onReconnect: () => ears.onReconnect?.(),
  });
  const bus = new TransportEventBus(options, transport);
  Object.assign(ears, bus.events);
  bus.listenForReplies();
  return new Speaker(bus, options.from);
}

/** One sender's view of a process's bus. */
class Speaker implements EventBus {
  readonly #bus: TransportEventBus;
  readonly #from: string;

  constructor(bus: TransportEventBus, from: string) {
    this.#bus = bus;
    this.#from = from;
  }

  publish(channel: string, payload: unknown): Promise<void> {
    return this.#bus.send(this.#from, channel, payload);
  }

  subscribe<Payload>(
    channel: string,
    schema: z.ZodType<Payload>,
    handler: (payload: Payload, message: ReceivedMessage) => void | Promise<void>,
  ): Promise<Subscription> {
    return this.#bus.subscribe(this.#from, channel, schema, handler);
  }

  request<Reply>(channel: string, payload: unknown, options: RequestOptions<Reply>): Promise<void> {
    return this.#bus.request(this.#from, channel, payload, options);
  }

  onReconnect(listener: () => void): void {
    this.#bus.onReconnect(listener);
  }

  as(from: string): EventBus {
    return new Speaker(this.#bus, from);
  }

  close(): Promise<void> {
    return this.#bus.close();
  }
}

class TransportEventBus {
  readonly #options: EventBusOptions;
  readonly #transport: Transport;
  readonly #logger: Logger;
  readonly #session = uuidv7();
  /** Named after its owner, so that a transport with rights can keep others from listening to what is answered to it. */
  readonly #replyChannel: string;
  readonly #freshness = new Freshness();
  #sentCount = 0;
  readonly #channels = new Map<string, ChannelState>();
  readonly #requests = new Map<string, PendingRequest>();
  readonly #reconnectListeners: (() => void)[] = [];
  #repliesHeard: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  readonly events: TransportEvents = {
    onMessage: (channel, text) => this.#take(channel, text),
    onLost: (channel) => this.#drop(channel, 'lost'),
    onReconnect: () => {
      for (const listener of this.#reconnectListeners) this.#guarded(listener, { event: 'reconnect' });
    },
  };

  constructor(options: EventBusOptions, transport: Transport) {
    this.#options = options;
    this.#transport = transport;
    this.#replyChannel = `${REPLY_CHANNEL_PREFIX}${options.from}.${uuidv7()}`;
    this.#logger = options.logger.child({ component: 'bus' });
  }

  /** Beforehand: the first request need not wait for it. */
  listenForReplies(): void {
    // a failure is told to the first request, which tries again
    this.#hearReplies().catch(() => undefined);
  }

  async subscribe<Payload>(
    speaker: string,
    channel: string,
    schema: z.ZodType<Payload>,
    handler: (payload: Payload, message: ReceivedMessage) => void | Promise<void>,
  ): Promise<Subscription> {
    this.#assertOpen();
    const listener = (envelope: Envelope) => {
      const { from } = envelope;
      const parsed = schema.safeParse(envelope.payload);
      if (parsed.success)
        this.#guarded(() => handler(parsed.data, this.#received(speaker, envelope)), { channel, from });
      else this.#drop(channel, 'payload', { from });
    };
    await this.#addListener(channel, listener);
    return { unsubscribe: () => this.#removeListener(channel, listener) };
  }

  async request<Reply>(
    speaker: string,
    channel: string,
    payload: unknown,
    options: RequestOptions<Reply>,
  ): Promise<void> {
    this.#assertOpen();
    const correlationId = uuidv7();
    const ended = Promise.withResolvers<undefined>();
    const end = () => ended.resolve(undefined);
    const deadline = setTimeout(end, options.timeoutMs);
    const take = (envelope: Envelope) => {
      if (this.#takeReply(envelope, options)) end();
    };
    this.#requests.set(correlationId, { take, end });
    try {
      const asked = this.#hearReplies().then(() =>
        this.send(speaker, channel, payload, { correlationId, replyTo: this.#replyChannel }),
      );
      // the deadline holds even while the bus waits for its connection
      await Promise.race([ended.promise, asked.then(() => ended.promise)]);
    } finally {
      clearTimeout(deadline);
      this.#requests.delete(correlationId);
    }
  }

  onReconnect(listener: () => void): void {
    this.#reconnectListeners.push(listener);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#shutDown());
  }

  async #shutDown(): Promise<void> {
    for (const pending of this.#requests.values()) pending.end();
    this.#channels.clear();
    await this.#transport.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new MarketError('UNAVAILABLE', 'the bus is closed');
  }

  async send(
    from: string,
    channel: string,
    payload: unknown,
    head: Pick<Envelope, 'correlationId' | 'replyTo'> = {},
  ): Promise<void> {
    this.#assertOpen();
    this.#sentCount += 1;
    const about = { v: 1, session: this.#session, number: this.#sentCount, from, at: Date.now(), ...head } as const;
    const text = encodeEnvelope(this.#options.keys, channel, about, payload);
    await this.#transport.send(channel, text);
  }

  #take(channel: string, text: string): void {
    const state = this.#channels.get(channel);
    if (state === undefined) return;
    const envelope = decodeEnvelope(this.#options.keys, channel, text);
    if (typeof envelope === 'string') {
      this.#drop(channel, envelope);
      return;
    }
    const fault = this.#freshness.faultOf(envelope, channel, Date.now());
    if (fault !== undefined) this.#drop(channel, fault, { from: envelope.from });
    else for (const listener of [...state.listeners]) listener(envelope);
  }

  async #addListener(channel: string, listener: (envelope: Envelope) => void): Promise<void> {
    let state = this.#channels.get(channel);
    if (state === undefined) {
      state = { listeners: new Set(), listening: this.#transport.listen(channel) };
      this.#channels.set(channel, state);
    }
    state.listeners.add(listener);
    try {
      await state.listening;
    } catch (error) {
      if (this.#channels.get(channel) === state) this.#channels.delete(channel);
      throw error;
    }
  }

  async #removeListener(channel: string, listener: (envelope: Envelope) => void): Promise<void> {
    const state = this.#channels.get(channel);
    if (!state?.listeners.delete(listener) || state.listeners.size > 0) return;
    this.#channels.delete(channel);
    await this.#transport.unlisten(channel);
  }

  #hearReplies(): Promise<void> {
    this.#repliesHeard ??= this.#addListener(this.#replyChannel, (envelope) =>
      this.#requests.get(envelope.correlationId ?? '')?.take(envelope),
    ).catch((error: unknown) => {
      this.#repliesHeard = undefined;
      throw error;
    });
    return this.#repliesHeard;
  }

  /** True if the request needs no further reply. */
  #takeReply<Reply>(envelope: Envelope, request: RequestOptions<Reply>): boolean {
    const { from } = envelope;
    const parsed = request.replySchema.safeParse(envelope.payload);
    if (!parsed.success) {
      this.#drop(this.#replyChannel, 'payload', { from });
      return false;
    }
    let enough = false;
    this.#guarded(
      () => {
        enough = request.onReply(parsed.data, from);
      },
      { from },
    );
    return enough;
  }

  #received(speaker: string, { from, replyTo, correlationId }: Envelope): ReceivedMessage {
    return {
      from,
      wantsReply: replyTo !== undefined,
      reply: async (payload) => {
        if (replyTo !== undefined) await this.send(speaker, replyTo, payload, { correlationId });
      },
    };
  }

  #drop(channel: string, reason: 'envelope' | 'signature' | Staleness | 'payload' | 'lost', fields: object = {}): void {
    // a replica's channel has its id in the name: the kind alone makes a label
    const [kind = ''] = channel.split('.', 1);
    this.#options.metrics.busDropped.inc({ channel: kind, reason });
    this.#logger.warn({ channel, reason, ...fields }, 'a message on the bus was dropped');
  }

  #guarded(work: () => unknown, fields: object): void {
    const onError = (error: unknown) => this.#logger.error({ err: error, ...fields }, 'a listener of the bus failed');
    try {
      const outcome = work();
      if (outcome instanceof Promise) outcome.catch(onError);
    } catch (error) {
      onError(error);
    }
  }
}
