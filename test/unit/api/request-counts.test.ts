import { afterEach, describe, expect, test } from 'vitest';
import { RequestCounts, type CountStore } from '../../../src/api/request-counts.ts';

const MINUTE = 60_000;
let now = 0;
const clock = () => now;
afterEach(() => {
  now = 0;
});

/** A store in memory, which can be away. */
function memoryStore() {
  const sums = new Map<string, number>();
  const store: CountStore & { away: boolean; calls: number } = {
    away: false,
    calls: 0,
    addAll: async (counts) => {
      store.calls += 1;
      if (store.away) throw new Error('away');
      return counts.map(({ name, add }) => {
        sums.set(name, (sums.get(name) ?? 0) + add);
        return sums.get(name) ?? 0;
      });
    },
  };
  return store;
}

function process(store?: CountStore): RequestCounts {
  const counts = new RequestCounts(MINUTE, store, clock);
  counts.close(); // its timer: the tests say when to carry
  return counts;
}

test('callers are counted apart, and from nothing in the next window', () => {
  const counts = process();
  now = 30_000;
  expect(counts.add('a')).toStrictEqual({ current: 1, ttl: 30_000 });
  expect(counts.add('a').current).toBe(2);
  expect(counts.add('b').current).toBe(1);
  now = MINUTE;
  expect(counts.add('a')).toStrictEqual({ current: 1, ttl: MINUTE });
});

describe('two processes with a store in common', () => {
  test('count together once they have told it', async () => {
    const store = memoryStore();
    const [one, two] = [process(store), process(store)];
    one.add('a');
    one.add('a');
    two.add('a');
    await one.sync();
    await two.sync();
    expect(two.add('a').current).toBe(4);
    await two.sync();
    await one.sync();
    expect(one.add('a').current).toBe(3);
    await one.sync();
    expect(one.add('a').current).toBe(6);
  });

  test('count by themselves while it is away, miss nothing of their own, and go on together', async () => {
    const store = memoryStore();
    const [one, two] = [process(store), process(store)];
    store.away = true;
    for (let i = 0; i < 5; i++) one.add('a');
    await one.sync();
    expect(one.add('a').current).toBe(6);
    store.away = false;
    for (let i = 0; i < 3; i++) two.add('a');
    await two.sync();
    await one.sync();
    expect(one.add('a').current).toBe(7);
  });
});

test('the store is told what is new, and left alone where nothing is', async () => {
  const store = memoryStore();
  const counts = process(store);
  await counts.sync();
  counts.add('a');
  await counts.sync();
  await counts.sync();
  expect(store.calls).toBe(1);
});

test('no more than 50,000 callers are remembered', () => {
  const counts = process();
  counts.add('first');
  for (let i = 0; i < 50_000; i++) counts.add(`caller ${i}`);
  expect(counts.add('first').current).toBe(1);
  expect(counts.add('caller 49999').current).toBe(2);
});
