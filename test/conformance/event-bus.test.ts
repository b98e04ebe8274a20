import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { encodeEnvelope } from '../../src/bus/envelope.ts';
import type { EventBus } from '../../src/bus/index.ts';
import {
  marketKeys,
  postgresBusAdapter,
  redisBusAdapter,
  type BusAdapter,
  type BusUnderTest,
} from '../support/bus-adapters.ts';
import { Inbox } from '../support/inbox.ts';

const MIB = 1024 * 1024;
const numberSchema = z.object({ n: z.number() });
type Numbered = z.infer<typeof numberSchema>;
/** As another process would write it. */
const headOf = (over: object) =>
  ({ v: 1, session: '01900000-0000-7000-8000-000000000000', number: 1, from: 'api', at: Date.now(), ...over }) as const;
const isN = (n: number) => (message: Numbered) => message.n === n;

const adapters = [
  { name: 'Redis', start: redisBusAdapter },
  { name: 'PostgreSQL', start: () => postgresBusAdapter(inject('postgresUrl')) },
];

describe.each(adapters)('the event bus on $name', ({ start }) => {
  let adapter: BusAdapter;
  let opened: BusUnderTest[] = [];
  let channelCount = 0;
  let channel: string;

  beforeAll(async () => {
    adapter = await start();
  });
  afterEach(async () => {
    await Promise.all(opened.map(({ bus }) => bus.close()));
    opened = [];
  });
  afterAll(() => adapter.stop());

  const open = async (from = 'api'): Promise<BusUnderTest> => {
    channel = `channel${(channelCount += 1)}`;
    const one = await adapter.open(from);
    opened.push(one);
    return one;
  };

  const hear = async (bus: EventBus, on = channel): Promise<Inbox<Numbered>> => {
    const inbox = new Inbox<Numbered>();
    await bus.subscribe(on, numberSchema, inbox.add);
    return inbox;
  };

  const dropped = async ({ metrics }: BusUnderTest) =>
    (await metrics.busDropped.get()).values.map(({ labels, value }) => ({ ...labels, value }));

  describe('publish and subscribe', () => {
    it('reaches every confirmed subscription, of other processes and of the publisher, with the sender named', async () => {
      const [{ bus: one }, { bus: two }] = [await open('api'), await open('writers')];
      const [first, second, others] = [await hear(one), await hear(one), await hear(two)];
      const senders = new Inbox<string>();
      await two.subscribe(channel, numberSchema, (_, { from }) => senders.add(from));
      await one.publish(channel, { n: 1 });
      for (const inbox of [first, second, others]) expect(await inbox.atLeast(1)).toEqual([{ n: 1 }]);
      expect(await senders.atLeast(1)).toEqual(['api']);
    });

    it('brings a subscription nothing of another channel and nothing published before it', async () => {
      const { bus } = await open();
      await bus.publish(channel, { n: 1 });
      const inbox = await hear(bus);
      await bus.publish(`${channel}.other`, { n: 2 });
      await bus.publish(channel, { n: 3 });
      expect(await inbox.atLeast(1)).toEqual([{ n: 3 }]);
    });

    it('brings an ended subscription nothing more, and the others of its channel everything', async () => {
      const { bus } = await open();
      const ended = new Inbox<Numbered>();
      const subscription = await bus.subscribe(channel, numberSchema, ended.add);
      const staying = await hear(bus);
      await subscription.unsubscribe();
      await subscription.unsubscribe();
      await bus.publish(channel, { n: 1 });
      await staying.atLeast(1);
      expect(ended.items).toEqual([]);
    });

    it('hears a channel again that was left and subscribed to at the same time', async () => {
      const { bus } = await open();
      const subscription = await bus.subscribe(channel, numberSchema, () => undefined);
      const [, inbox] = await Promise.all([subscription.unsubscribe(), hear(bus)]);
      await bus.publish(channel, { n: 1 });
      expect(await inbox.atLeast(1)).toEqual([{ n: 1 }]);
    });

    it('keeps the order of one publisher: 1,000 messages, every hundredth of 200 KiB', async () => {
      const [{ bus: publisher }, { bus: reader }] = [await open(), await open()];
      const inbox = await hear(reader);
      const filler = 'x'.repeat(200 * 1024);
      const sent = Array.from({ length: 1_000 }, (_, n) =>
        publisher.publish(channel, n % 100 === 50 ? { n, filler } : { n }),
      );
      await Promise.all(sent);
      expect((await inbox.atLeast(1_000)).map(({ n }) => n)).toEqual(sent.map((_, n) => n));
    });

    it('takes a channel name of 200 characters', async () => {
      const { bus } = await open();
      const name = `${channel}.${'r'.repeat(200 - channel.length - 1)}`;
      const inbox = await hear(bus, name);
      await bus.publish(name, { n: 1 });
      expect(await inbox.atLeast(1)).toEqual([{ n: 1 }]);
    });

    it('carries NUL, lone surrogates and quotes in strings unchanged', async () => {
      const { bus } = await open();
      const inbox = new Inbox<string>();
      await bus.subscribe(channel, z.string(), inbox.add);
      const text = `\u0000 \ud800 ' " \\ é 🐝`;
      await bus.publish(channel, text);
      expect(await inbox.atLeast(1)).toEqual([text]);
    });
  });

  /** The text of a message of `api` as another process would send it on the present channel. */
  const signed = (over: Record<string, unknown>) => (): string => {
    const { payload, ...fields } = over;
    return encodeEnvelope(marketKeys, channel, headOf(fields), payload);
  };

  describe('malformed messages', () => {
    it.each([
      ['nothing', '', 'envelope'],
      ['text that is not JSON', 'garbage SECRET', 'envelope'],
      ['JSON that is not an envelope', '{"SECRET":1}', 'envelope'],
      ['an envelope of another version', signed({ v: 2, payload: 'SECRET' }), 'envelope'],
      ['a reply address that is no reply channel', signed({ replyTo: 'announce', payload: 'SECRET' }), 'envelope'],
      ['a payload against the schema', signed({ payload: { n: 'SECRET' } }), 'payload'],
    ])('%s is counted, logged without its content and dropped', async (_, text, reason) => {
      const reader = await open();
      const inbox = await hear(reader.bus);
      await adapter.sendRaw(channel, typeof text === 'string' ? text : text());
      await adapter.sendRaw(channel, signed({ payload: { n: 2 }, number: 2 })());
      expect(await inbox.atLeast(1)).toEqual([{ n: 2 }]);
      expect(await dropped(reader)).toEqual([{ channel, reason, value: 1 }]);
      expect(reader.logLines.join()).toContain('a message on the bus was dropped');
      expect(reader.logLines.join()).not.toContain('SECRET');
    });

    it('a field that this version does not know is let pass', async () => {
      const { bus } = await open();
      const inbox = await hear(bus);
      await adapter.sendRaw(channel, signed({ later: 'abc', payload: { n: 1 } })());
      expect(await inbox.atLeast(1)).toEqual([{ n: 1 }]);
    });

    it("a message is dropped for the subscription whose schema it breaks and handed to the channel's others", async () => {
      const reader = await open();
      const strict = await hear(reader.bus);
      const lenient = new Inbox<unknown>();
      await reader.bus.subscribe(channel, z.unknown(), lenient.add);
      await reader.bus.publish(channel, 'text');
      expect(await lenient.atLeast(1)).toEqual(['text']);
      expect(strict.items).toEqual([]);
    });
  });

  it('a handler that throws or rejects is logged, and the other handlers and later messages go on', async () => {
    const { bus, logLines } = await open();
    await bus.subscribe(channel, numberSchema, () => {
      throw new Error('thrown by a handler');
    });
    await bus.subscribe(channel, numberSchema, () => Promise.reject(new Error('rejected by a handler')));
    const inbox = await hear(bus);
    await bus.publish(channel, { n: 1 });
    await bus.publish(channel, { n: 2 });
    expect(await inbox.atLeast(2)).toEqual([{ n: 1 }, { n: 2 }]);
    expect(logLines.filter((line) => line.includes('thrown by a handler'))).toHaveLength(2);
    expect(logLines.filter((line) => line.includes('rejected by a handler'))).toHaveLength(2);
  });

  describe('request and reply', () => {
    const FAR_MS = 60_000;

    it('hands over each reply of several responders, more than one each, until onReply has enough', async () => {
      const { bus: asker } = await open();
      for (const pool of ['writers', 'analysts']) {
        const { bus } = await adapter.open(pool).then((one) => (opened.push(one), one));
        await bus.subscribe(channel, numberSchema, async ({ n }, message) => {
          await message.reply({ n: n + 1 });
          await message.reply({ n: n + 2 });
        });
      }
      const replies: string[] = [];
      await asker.request(
        channel,
        { n: 1 },
        {
          replySchema: numberSchema,
          timeoutMs: FAR_MS,
          onReply: ({ n }, from) => replies.push(`${from} ${n}`) === 4,
        },
      );
      expect(replies.toSorted()).toEqual(['analysts 2', 'analysts 3', 'writers 2', 'writers 3']);
    });

    it('tells the responder that a reply is wanted, and that none is for what was published', async () => {
      const { bus } = await open();
      const wanted = new Inbox<boolean>();
      await bus.subscribe(channel, numberSchema, async (_, message) => {
        wanted.add(message.wantsReply);
        await message.reply({ n: 0 });
      });
      await bus.publish(channel, { n: 1 });
      await bus.request(channel, { n: 2 }, { replySchema: numberSchema, timeoutMs: FAR_MS, onReply: () => true });
      expect(wanted.items).toEqual([false, true]);
    });

    it('keeps two requests at once apart', async () => {
      const { bus } = await open();
      await bus.subscribe(channel, numberSchema, ({ n }, message) => message.reply({ n: n * 10 }));
      const ask = async (n: number) => {
        const replies: number[] = [];
        const onReply = (reply: Numbered) => replies.push(reply.n) === 1;
        await bus.request(channel, { n }, { replySchema: numberSchema, timeoutMs: FAR_MS, onReply });
        return replies;
      };
      expect(await Promise.all([ask(1), ask(2), ask(3)])).toEqual([[10], [20], [30]]);
    });

    it('resolves at the deadline when nobody listens', async () => {
      const { bus } = await open();
      const onReply = () => expect.unreachable('nobody was there to reply');
      await expect(
        bus.request(channel, { n: 1 }, { replySchema: numberSchema, timeoutMs: 20, onReply }),
      ).resolves.toBeUndefined();
    });

    it('drops a reply after the deadline', async () => {
      const asker = await open();
      const held = new Inbox<() => Promise<void>>();
      await asker.bus.subscribe(channel, numberSchema, (_, message) => held.add(() => message.reply({ n: 1 })));
      const replies: Numbered[] = [];
      const onReply = (reply: Numbered) => replies.push(reply) > 1;
      await asker.bus.request(channel, { n: 1 }, { replySchema: numberSchema, timeoutMs: 50, onReply });
      const [replyLate] = await held.atLeast(1);
      await replyLate?.();
      // the reply to this one comes on the same channel behind the late one
      const asked = asker.bus.request(
        channel,
        { n: 2 },
        { replySchema: numberSchema, timeoutMs: FAR_MS, onReply: () => true },
      );
      await (await held.atLeast(2))[1]?.();
      await asked;
      expect(replies).toEqual([]);
      expect(await dropped(asker)).toEqual([]);
    });

    it('drops a malformed reply, counts it, and takes the next', async () => {
      const asker = await open();
      await asker.bus.subscribe(channel, numberSchema, async (_, message) => {
        await message.reply('rubbish');
        await message.reply({ n: 2 });
      });
      const replies: Numbered[] = [];
      const onReply = (reply: Numbered) => replies.push(reply) === 1;
      await asker.bus.request(channel, { n: 1 }, { replySchema: numberSchema, timeoutMs: FAR_MS, onReply });
      expect(replies).toEqual([{ n: 2 }]);
      expect(await dropped(asker)).toEqual([{ channel: 'reply', reason: 'payload', value: 1 }]);
    });
  });

  describe('size', () => {
    it('a payload of 4 MiB passes; of one byte more it is refused with PAYLOAD_TOO_LARGE, and nobody hears it', async () => {
      const [{ bus: publisher }, { bus: reader }] = [await open(), await open()];
      const inbox = new Inbox<string>();
      await reader.subscribe(channel, z.string(), inbox.add);
      const largest = 'x'.repeat(4 * MIB - 2);
      await expect(publisher.publish(channel, `${largest}x`)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
      await publisher.publish(channel, largest);
      expect((await inbox.atLeast(1)).map((text) => text.length)).toEqual([largest.length]);
    });

    it('the size is that of UTF-8: 2 Mi characters of three bytes are refused', async () => {
      const { bus } = await open();
      const text = '€'.repeat(2 * MIB);
      await expect(bus.publish(channel, text)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    });

    it('a message of 9,000 bytes in 3,000 characters arrives', async () => {
      const { bus } = await open();
      const inbox = new Inbox<string>();
      await bus.subscribe(channel, z.string(), inbox.add);
      await bus.publish(channel, '€'.repeat(3_000));
      expect(await inbox.atLeast(1)).toEqual(['€'.repeat(3_000)]);
    });

    it('a payload that is no JSON value is refused with INVALID_REQUEST', async () => {
      const { bus } = await open();
      const cycle: { self?: unknown } = {};
      cycle.self = cycle;
      for (const payload of [undefined, cycle, 1n, () => 1]) {
        await expect(bus.publish(channel, payload)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
      }
    });
  });

  describe('a broken connection', () => {
    it('subscribes again by itself, and tells onReconnect when all subscriptions stand', async () => {
      const [{ bus: publisher }, { bus: reader }] = [await open(), await open()];
      const [first, second] = [await hear(reader), await hear(reader, `${channel}.b`)];
      const reconnected = new Inbox<string>();
      reader.onReconnect(() => {
        throw new Error('a listener that fails');
      });
      reader.onReconnect(() => reconnected.add('again'));
      for (const n of [1, 2]) {
        await adapter.breakListeners();
        await reconnected.atLeast(n);
        await publisher.publish(channel, { n });
        await publisher.publish(`${channel}.b`, { n });
        expect(await first.atLeast(n)).toContainEqual({ n });
        expect(await second.atLeast(n)).toContainEqual({ n });
      }
      expect(reconnected.items).toHaveLength(2);
    });

    it('publish rejects with UNAVAILABLE while the transport is down; what it refused is never sent later', async () => {
      const { bus } = await open();
      const inbox = await hear(bus);
      const reconnected = new Inbox<string>();
      bus.onReconnect(() => reconnected.add('again'));
      await adapter.goDown();
      await expect(bus.publish(channel, { n: 1 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const asked = { replySchema: numberSchema, timeoutMs: 60_000, onReply: () => true };
      await expect(bus.request(channel, { n: 1 }, asked)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await adapter.comeBack();
      await reconnected.atLeast(1);
      await expect.poll(() => bus.publish(channel, { n: 2 }).then(() => 'sent', String)).toBe('sent');
      expect((await inbox.including(isN(2))).every(isN(2))).toBe(true);
    });

    it('a subscription that is asked for while the transport is down stands when it is back', async () => {
      const { bus } = await open();
      await adapter.goDown();
      const subscribing = hear(bus);
      await adapter.comeBack();
      const inbox = await subscribing;
      await expect.poll(() => bus.publish(channel, { n: 1 }).then(() => 'sent', String)).toBe('sent');
      expect(await inbox.atLeast(1)).toContainEqual({ n: 1 });
    });
  });

  describe('close', () => {
    it('ends open requests as if timed out and may be called twice', async () => {
      const { bus } = await open();
      const asked = new Inbox<Numbered>();
      await bus.subscribe(channel, numberSchema, asked.add);
      const onReply = () => expect.unreachable('nobody replies');
      const request = bus.request(channel, { n: 1 }, { replySchema: numberSchema, timeoutMs: 60_000, onReply });
      await asked.atLeast(1);
      await Promise.all([bus.close(), bus.close()]);
      await bus.close();
      await expect(request).resolves.toBeUndefined();
    });

    it('refuses what comes after it with UNAVAILABLE', async () => {
      const { bus } = await open();
      await bus.close();
      const asked = { replySchema: numberSchema, timeoutMs: 60_000, onReply: () => true };
      await expect(bus.publish(channel, { n: 1 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(bus.request(channel, { n: 1 }, asked)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(hear(bus)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    });
  });
});

describe('the event bus on PostgreSQL alone', () => {
  it('counts a long message whose stored text is gone as lost, and goes on behind it', async () => {
    const adapter = await postgresBusAdapter(inject('postgresUrl'));
    const reader = await adapter.open('api');
    const inbox = new Inbox<Numbered>();
    await reader.bus.subscribe('gone', numberSchema, inbox.add);
    await adapter.sendRaw('gone', '@01900000-0000-7000-8000-000000000000');
    await reader.bus.publish('gone', { n: 1 });
    expect(await inbox.atLeast(1)).toEqual([{ n: 1 }]);
    const { values } = await reader.metrics.busDropped.get();
    expect(values).toMatchObject([{ labels: { channel: 'gone', reason: 'lost' }, value: 1 }]);
    await reader.bus.close();
    await adapter.stop();
  });
});
