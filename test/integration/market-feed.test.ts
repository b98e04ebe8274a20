import { afterEach, expect, test } from 'vitest';
import type { TaskEvent } from '../../src/contracts/events.ts';
import { SwarmbidClient, type MarketListener, type SwarmbidError } from '../../src/sdk/index.ts';
import { happen, newTask, port, serveLiveFeed, start, STATS, stop } from '../support/live-server.ts';

serveLiveFeed();

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Listens, and lets a test wait until what was told satisfies it. */
function listen(token: string, more: MarketListener = {}) {
  const told = { events: [] as TaskEvent[], connections: [] as boolean[], refusals: [] as SwarmbidError[], stats: 0 };
  let wake = () => {};
  const close = new SwarmbidClient({ url: `http://127.0.0.1:${port()}`, token }).listen({
    ...more,
    onEvent: (event) => {
      told.events.push(event);
      wake();
    },
    onStats: (stats) => {
      expect(stats).toEqual(STATS);
      told.stats += 1;
      wake();
    },
    onConnection: (connected) => {
      told.connections.push(connected);
      wake();
    },
    onRefused: (error) => {
      told.refusals.push(error);
      wake();
    },
  });
  closing.push(close);
  const until = async (satisfied: () => boolean) => {
    while (!satisfied()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { told, until, close };
}

test('an admin hears of every task, and of the figures', async () => {
  const { told, until } = listen('admin');
  await until(() => told.connections.at(-1) === true && told.stats > 0);
  const [ann, bob] = [newTask('ann'), newTask('bob')];
  happen(ann, 2);
  happen(bob);
  await until(() => told.events.length === 3);
  expect(told.events.map(({ taskId, seq }) => [taskId, seq]).toSorted()).toEqual(
    [
      [ann, 1],
      [ann, 2],
      [bob, 1],
    ].toSorted(),
  );
});

test('a server that goes and comes back is told of: broken, then standing again, and events go on', async () => {
  const { told, until } = listen('admin');
  await until(() => told.connections.at(-1) === true);
  const own = port();
  await stop();
  await until(() => told.connections.at(-1) === false);
  await start(own);
  await until(() => told.connections.at(-1) === true);
  happen(newTask());
  await until(() => told.events.length === 1);
});

test('a submitter is refused once, by code, and the feed is over', async () => {
  const { told, until } = listen('ada');
  await until(() => told.refusals.length > 0);
  expect(told.refusals.map(({ code }) => code)).toEqual(['FORBIDDEN']);
  expect(told.connections).not.toContain(true);
});

test('a watch says when it stands, when its connection broke, and when it stands again', async () => {
  const taskId = newTask('admin', 1);
  const connections: boolean[] = [];
  let wake = () => {};
  const until = async (satisfied: () => boolean) => {
    while (!satisfied()) await new Promise<void>((resolve) => (wake = resolve));
  };
  const abort = new AbortController();
  const client = new SwarmbidClient({ url: `http://127.0.0.1:${port()}`, token: 'admin' });
  const events = client.watch(taskId, {
    untilEnd: false,
    giveUpAfterMs: Infinity,
    signal: abort.signal,
    onConnection: (connected) => {
      connections.push(connected);
      wake();
    },
  });
  expect((await events.next()).value).toMatchObject({ seq: 1 });
  await until(() => connections.at(-1) === true);
  const own = port();
  await stop();
  await until(() => connections.at(-1) === false);
  await start(own);
  await until(() => connections.at(-1) === true);
  happen(taskId);
  expect((await events.next()).value).toMatchObject({ seq: 2 });
  abort.abort();
  await expect(events.next()).rejects.toThrow();
});
