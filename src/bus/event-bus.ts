import type { z } from 'zod';

/**
 * The market's message bus: announcements, replies, hints and agents' messages. It carries and forgets; every fact is in
 * PostgreSQL before anything is said here. An adapter must keep these promises, and `test/conformance/event-bus` holds
 * each adapter to them:
 *
 * 1. **At most once, to who listens now.** `publish` reaches every subscription of the channel that was confirmed (its
 *    promise resolved) before the call, in every process, the publisher's own among them. Nobody gets it later. A
 *    broken connection loses what was said meanwhile; the adapter reconnects and subscribes again by itself, and then
 *    calls every `onReconnect` listener, so that a reader can look up in the store what it missed.
 * 2. **Order.** Messages of one publisher on one channel arrive in the order of the calls. Nothing is promised across
 *    publishers or channels.
 * 3. **Checked on arrival.** A message is handed over only if it is signed by whom it names (`bus-keys.ts` says what that
 *    proves to whom), was not heard before, is not older than 30 minutes, and its payload satisfies the schema of the
 *    channel's subscription. Any other is counted (`swarmbid_bus_dropped_total`), logged without its content, and dropped.
 *    A handler that throws or rejects is logged; the bus and the other handlers go on.
 * 4. **Request and reply.** `request` publishes with a correlation id and a reply address, and hands each reply to
 *    `onReply` until that returns true (enough), or `timeoutMs` has passed. Replies after that are dropped. Several
 *    responders may reply; each may reply more than once.
 * 5. **Size.** A payload of up to 4 MiB passes. A larger one is refused with an error to the publisher.
 * 6. **Failing.** `publish` rejects when the transport is down or does not answer in time (2 s); it never queues for later.
 * 7. `close` ends subscriptions, requests (as if timed out) and connections; it may be called twice.
 */
export interface EventBus {
  publish(channel: string, payload: unknown): Promise<void>;
  subscribe<Payload>(
    channel: string,
    schema: z.ZodType<Payload>,
    handler: (payload: Payload, message: ReceivedMessage) => void | Promise<void>,
  ): Promise<Subscription>;
  request<Reply>(channel: string, payload: unknown, options: RequestOptions<Reply>): Promise<void>;
  /** Called after a broken connection is whole again and all subscriptions stand. */
  onReconnect(listener: () => void): void;
  /** The same bus for another sender of this process: what is said and answered through it is signed as `from`. */
  as(from: string): EventBus;
  close(): Promise<void>;
}

export interface ReceivedMessage {
  /** Who speaks: a pool by its name, or `market:` and roles. Proved to processes of the market; to a pool, only that it is a member. */
  from: string;
  /** True if the sender waits for a reply. */
  wantsReply: boolean;
  /** Sends `payload` to the sender of a request; does nothing where none is wanted. */
  reply(payload: unknown): Promise<void>;
}

export interface RequestOptions<Reply> {
  replySchema: z.ZodType<Reply>;
  timeoutMs: number;
  /** Return true when no further reply is needed: the request then resolves at once. */
  onReply(reply: Reply, from: string): boolean;
}

export interface Subscription {
  unsubscribe(): Promise<void>;
}
