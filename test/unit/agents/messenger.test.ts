import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { z } from 'zod';
import { Messenger } from '../../../src/agents/messenger.ts';
import type { EventBus, ReceivedMessage, Subscription } from '../../../src/bus/event-bus.ts';
import type { AgentDefinition } from '../../../src/contracts/agent-definition.ts';
import { openDatabase } from '../../../src/db/database.ts';
import { createLogger } from '../../../src/observability/logger.ts';

const LIMIT_MS = 60_000;

vi.mock('../../../src/agents/attempt-store.ts', () => ({
  insertMessage: async () => false,
  readTaskForMessage: async () => ({ id: 't', type: 'plain', data: {} }),
}));

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** Hands messages straight to the one subscription; `replies` holds what was answered. */
class DirectBus implements EventBus {
  readonly replies: unknown[] = [];
  private handle: (message: unknown, received: ReceivedMessage) => Promise<void> = async () => undefined;

  async subscribe<Payload>(
    _channel: string,
    schema: z.ZodType<Payload>,
    handler: (payload: Payload, received: ReceivedMessage) => void | Promise<void>,
  ): Promise<Subscription> {
    this.handle = async (message, received) => handler(schema.parse(message), received);
    return { unsubscribe: async () => undefined };
  }

  deliver(message: unknown): Promise<void> {
    const reply = async (answer: unknown) => void this.replies.push(answer);
    return this.handle(message, { from: 'elsewhere', wantsReply: true, reply });
  }

  async publish(): Promise<void> {}
  async request(): Promise<void> {}
  onReconnect(): void {}
  as(): EventBus {
    return this;
  }
  async close(): Promise<void> {}
}

test('a message to an agent that never settles is answered after 60 s, not before, and its signal is aborted', async () => {
  let signal: AbortSignal | undefined;
  const deaf: AgentDefinition = {
    id: 'deaf',
    skills: ['work'],
    execute: () => null,
    onMessage: (_message, context) => {
      signal = context.signal;
      return new Promise<never>(() => undefined);
    },
  };
  const logger = createLogger('silent');
  // Connects to nothing: what the messenger asks the store is answered above.
  const db = openDatabase({ url: 'postgres://127.0.0.1:1/none', maxConnections: 1, applicationName: 'test', logger });
  const bus = new DirectBus();
  const onReport = () => undefined;
  const messenger = new Messenger({ agents: [deaf], db, bus, replicaId: 'r', leaseMs: 1_000, logger, onReport });
  await messenger.listen();

  const message = {
    id: 'm',
    taskId: 't',
    subtaskId: 't-0',
    from: 'asker',
    to: 'deaf',
    topic: 'plan',
    data: null,
    recipients: ['deaf'],
  };
  const dealtWith = bus.deliver(message);
  await vi.advanceTimersByTimeAsync(LIMIT_MS - 1);
  expect(bus.replies).toEqual([]);
  expect(signal?.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await dealtWith;
  expect(bus.replies).toEqual([{ ok: false, error: 'Agent "deaf" did not answer "plan" within 60000 ms.' }]);
  expect(signal?.aborted).toBe(true);
  await db.destroy();
});
