import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { encodeEnvelope } from '../../src/bus/envelope.ts';
import { busKeys, type BusKeys, type EventBus } from '../../src/bus/index.ts';
import {
  marketKeys,
  poolKeys,
  postgresBusAdapter,
  redisBusAdapter,
  type BusAdapter,
  type BusUnderTest,
} from '../support/bus-adapters.ts';
import { Inbox } from '../support/inbox.ts';

const numberSchema = z.object({ n: z.number() });
type Numbered = z.infer<typeof numberSchema>;

/** As another process would write it. */
const headOf = (over: object) =>
  ({ v: 1, session: '01900000-0000-7000-8000-000000000000', number: 1, from: 'api', at: Date.now(), ...over }) as const;

const adapters = [
  { name: 'Redis', start: redisBusAdapter },
  { name: 'PostgreSQL', start: () => postgresBusAdapter(inject('postgresUrl')) },
];

describe.each(adapters)('a message on $name', ({ start }) => {
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

  const hear = async (bus: EventBus): Promise<Inbox<Numbered>> => {
    const inbox = new Inbox<Numbered>();
    await bus.subscribe(channel, numberSchema, inbox.add);
    return inbox;
  };

  const dropped = async ({ metrics }: BusUnderTest) =>
    (await metrics.busDropped.get()).values.map(({ labels, value }) => ({ ...labels, value }));

  /** The text of a message as another process would send it on the present channel. */
  const signed =
    (over: Record<string, unknown>, keys: BusKeys = marketKeys) =>
    (): string => {
      const { payload, ...fields } = over;
      return encodeEnvelope(keys, channel, headOf(fields), payload);
    };

  const MINUTE_MS = 60_000;
  const one = { payload: { n: 1 } };
  /** A pool that signs with its own key under whatever name. */
  const impostor: BusKeys = { ...poolKeys('one'), sign: (_from, text) => poolKeys('one').sign('one', text) };

  it.each<[string, () => string, string]>([
    ['without a signature', () => signed(one)().replace(/^\S+ /, ''), 'signature'],
    ['with an empty signature', () => signed(one)().replace(/^\S+ /, ' '), 'signature'],
    ['signed by a stranger', signed(one, busKeys('the secret of another market')), 'signature'],
    ['altered on its way', () => signed(one)().replace('"n":1', '"n":9'), 'signature'],
    ['signed for another channel', () => encodeEnvelope(marketKeys, 'other', headOf({}), { n: 1 }), 'signature'],
    ["of a pool in another pool's name", signed({ ...one, from: 'two' }, impostor), 'signature'],
    ["of a pool in the market's name", signed({ ...one, from: 'market:api' }, impostor), 'signature'],
    ['with the signature of a member alone', () => signed(one)().replace(/\.\S+ /, ' '), 'signature'],
    ['of 31 minutes ago', () => signed({ ...one, at: Date.now() - 31 * MINUTE_MS })(), 'stale'],
    ['of in 31 minutes', () => signed({ ...one, at: Date.now() + 31 * MINUTE_MS })(), 'stale'],
  ])('%s is counted and dropped', async (_, text, reason) => {
    const reader = await open();
    const inbox = await hear(reader.bus);
    await adapter.sendRaw(channel, text());
    await adapter.sendRaw(channel, signed({ payload: { n: 2 }, number: 2 })());
    expect(await inbox.atLeast(1)).toEqual([{ n: 2 }]);
    expect(await dropped(reader)).toEqual([{ channel, reason, value: 1 }]);
  });

  it('that is sent again, or out of its order, is counted and dropped', async () => {
    const reader = await open();
    const inbox = await hear(reader.bus);
    const texts = [3, 3, 2, 4].map((number) => signed({ payload: { n: number }, number })());
    for (const text of texts) await adapter.sendRaw(channel, text);
    expect(await inbox.atLeast(2)).toEqual([{ n: 3 }, { n: 4 }]);
    expect(await dropped(reader)).toEqual([{ channel, reason: 'replayed', value: 2 }]);
  });

  it('is heard though the clocks are 20 minutes apart', async () => {
    const { bus } = await open();
    const inbox = await hear(bus);
    await adapter.sendRaw(channel, signed({ ...one, at: Date.now() - 20 * MINUTE_MS })());
    expect(await inbox.atLeast(1)).toEqual([{ n: 1 }]);
  });

  it('a pool with its credential hears the market and its fellow pools, no stranger, and speaks for itself alone', async () => {
    const [market, pool, fellow] = [
      await open('market:api'),
      await adapter.open('one', poolKeys('one')),
      await adapter.open('two', poolKeys('two')),
    ];
    opened.push(pool, fellow);
    const [heard, senders] = [await hear(pool.bus), new Inbox<string>()];
    await market.bus.subscribe(channel, numberSchema, (_, { from }) => senders.add(from));
    await adapter.sendRaw(channel, signed({ payload: { n: 7 } }, busKeys('the secret of another market'))());
    await market.bus.publish(channel, { n: 1 });
    await pool.bus.publish(channel, { n: 1 });
    await fellow.bus.publish(channel, { n: 1 });
    await expect(pool.bus.as('two').publish(channel, { n: 2 })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(pool.bus.as('market:api').publish(channel, { n: 2 })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect((await senders.atLeast(3)).toSorted()).toEqual(['market:api', 'one', 'two']);
    expect(await heard.atLeast(3)).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }]);
    expect(await dropped(pool)).toEqual([{ channel, reason: 'signature', value: 1 }]);
  });

  it('a reply is signed by the sender through whose view of the bus the request was heard', async () => {
    const [{ bus: asker }, both] = [await open('market:api'), await adapter.open('market:agents')];
    opened.push(both);
    await both.bus.as('one').subscribe(channel, numberSchema, (asked, message) => message.reply(asked));
    const repliers: string[] = [];
    const onReply = (_: Numbered, from: string) => repliers.push(from) === 1;
    await asker.request(channel, { n: 1 }, { replySchema: numberSchema, timeoutMs: 60_000, onReply });
    expect(repliers).toEqual(['one']);
  });
});
