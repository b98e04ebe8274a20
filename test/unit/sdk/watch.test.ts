import type { Socket } from 'socket.io';
import { afterEach, describe, expect, test } from 'vitest';
import { SwarmbidClient, type TaskEvent, type WatchOptions } from '../../../src/sdk/index.ts';
import {
  startFakeMarketServer,
  taskEvents,
  type FakeFeed,
  type FakeMarketServer,
} from '../../support/fake-market-server.ts';

const TASK_ID = '01936f0e-7a3c-7000-8000-000000000000';

let server: FakeMarketServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function clientOf(feed: FakeFeed, token?: string): Promise<SwarmbidClient> {
  server = await startFakeMarketServer(() => ({ body: { id: TASK_ID, status: 'completed' } }), feed);
  return new SwarmbidClient({ url: server.url, token });
}

async function seqsOf(client: SwarmbidClient, options?: WatchOptions): Promise<number[]> {
  const seqs: number[] = [];
  for await (const event of client.watch(TASK_ID, options)) seqs.push(event.seq);
  return seqs;
}

const send = (socket: Socket, events: readonly TaskEvent[]) => {
  for (const event of events) socket.emit('event', event);
};
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const after = (events: readonly TaskEvent[], seq: number) => events.filter((event) => event.seq > seq);

/** A well-behaved server of a task that has ended with these events. */
const replaying = (events: readonly TaskEvent[]): FakeFeed => ({
  onWatch: ({ socket, afterSeq, ack }) => {
    ack({ ok: true, status: 'completed', lastSeq: events.length });
    send(socket, after(events, afterSeq));
  },
});

describe('watch', () => {
  test('yields every event in seq order and ends after the final one', async () => {
    const client = await clientOf(replaying(taskEvents(TASK_ID, 5)));
    expect(await seqsOf(client)).toEqual(upTo(5));
  });

  test('afterSeq 3 of 5: yields 4 and 5', async () => {
    const client = await clientOf(replaying(taskEvents(TASK_ID, 5)));
    expect(await seqsOf(client, { afterSeq: 3 })).toEqual([4, 5]);
  });

  test('afterSeq at the last event of an ended task: ends at once, without an event', async () => {
    const client = await clientOf(replaying(taskEvents(TASK_ID, 5)));
    expect(await seqsOf(client, { afterSeq: 5 })).toEqual([]);
  });

  test('afterSeq behind the final event: yields the late events that are stored, then ends', async () => {
    const late: TaskEvent = {
      seq: 6,
      taskId: TASK_ID,
      type: 'reputation.changed',
      at: '2026-01-01T00:00:00Z',
      data: {},
    };
    const client = await clientOf(replaying([...taskEvents(TASK_ID, 5), late]));
    expect(await seqsOf(client, { afterSeq: 5 })).toEqual([6]);
  });

  test('untilEnd false: goes on behind the final event until the caller breaks off', async () => {
    const late: TaskEvent = {
      seq: 4,
      taskId: TASK_ID,
      type: 'reputation.changed',
      at: '2026-01-01T00:00:00Z',
      data: {},
    };
    const client = await clientOf(replaying([...taskEvents(TASK_ID, 3), late]));
    const types: string[] = [];
    for await (const event of client.watch(TASK_ID, { untilEnd: false })) {
      types.push(event.type);
      if (event.type === 'reputation.changed') break;
    }
    expect(types).toEqual(['subtask.progress', 'subtask.progress', 'task.completed', 'reputation.changed']);
  });

  test('an event sent twice is yielded once, and an event of another task not at all', async () => {
    const events = taskEvents(TASK_ID, 4);
    const client = await clientOf({
      onWatch: ({ socket, ack }) => {
        ack({ ok: true, status: 'running', lastSeq: 2 });
        send(socket, [...events.slice(0, 2), ...taskEvents('another', 3), ...events.slice(0, 3), ...events]);
      },
    });
    expect(await seqsOf(client)).toEqual(upTo(4));
  });

  test('a gap (1, then 3): asks again from 1 and yields 2 and 3 in order', async () => {
    const events = taskEvents(TASK_ID, 3);
    const asked: number[] = [];
    const client = await clientOf({
      onWatch: ({ socket, afterSeq, ack }) => {
        asked.push(afterSeq);
        ack({ ok: true, status: 'running', lastSeq: 3 });
        send(
          socket,
          asked.length === 1 ? [events[0], events[2]].filter((event) => event !== undefined) : after(events, afterSeq),
        );
      },
    });
    expect(await seqsOf(client)).toEqual(upTo(3));
    expect(asked).toEqual([0, 1]);
  });

  test.each([
    [
      'the transport is cut',
      (socket: Socket) => {
        socket.conn.close();
      },
    ],
    [
      'the server disconnects the socket',
      (socket: Socket) => {
        socket.disconnect(true);
      },
    ],
  ])('%s after event 2 of 4: comes back with afterSeq 2 and misses nothing', async (_name, cut) => {
    const events = taskEvents(TASK_ID, 4);
    const asked: number[] = [];
    const client = await clientOf({
      onWatch: ({ socket, afterSeq, ack }) => {
        asked.push(afterSeq);
        ack({ ok: true, status: 'running', lastSeq: afterSeq });
        if (asked.length > 1) send(socket, after(events, afterSeq));
        else {
          send(socket, events.slice(0, 2));
          setImmediate(() => {
            cut(socket);
          });
        }
      },
    });
    expect(await seqsOf(client)).toEqual(upTo(4));
    expect(asked[0]).toBe(0);
    expect(asked.length).toBeGreaterThan(1);
  });

  test('a reader that stops while 2,500 events come: the connection is dropped at 1,000 unread, and all come in order', async () => {
    const events = taskEvents(TASK_ID, 2_500);
    const asked: number[] = [];
    const dropped = Promise.withResolvers<unknown>();
    const client = await clientOf({
      onWatch: ({ socket, afterSeq, ack }) => {
        asked.push(afterSeq);
        socket.once('disconnect', dropped.resolve);
        ack({ ok: true, status: 'completed', lastSeq: events.length });
        send(socket, after(events, afterSeq));
      },
    });
    const seqs: number[] = [];
    for await (const event of client.watch(TASK_ID)) {
      seqs.push(event.seq);
      if (event.seq === 1) await dropped.promise;
    }
    expect(seqs).toEqual(upTo(2_500));
    expect(asked.slice(0, 2)).toEqual([0, 1_001]);
  });

  test('a task that is not to be found rejects with NOT_FOUND', async () => {
    const client = await clientOf({
      onWatch: ({ ack }) => {
        ack({ ok: false, code: 'NOT_FOUND' });
      },
    });
    await expect(seqsOf(client)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a watch refused as UNAVAILABLE is asked again', async () => {
    const events = taskEvents(TASK_ID, 2);
    let asked = 0;
    const client = await clientOf({
      onWatch: ({ socket, ack }) => {
        asked += 1;
        if (asked === 1) ack({ ok: false, code: 'UNAVAILABLE' });
        else {
          ack({ ok: true, status: 'completed', lastSeq: 2 });
          send(socket, events);
        }
      },
    });
    expect(await seqsOf(client)).toEqual([1, 2]);
  });

  test('the key is handed over, and a refused one rejects with the code', async () => {
    const tokens: unknown[] = [];
    const feed: FakeFeed = {
      refuse: (token) => {
        tokens.push(token);
        return 'UNAUTHENTICATED';
      },
      onWatch: () => undefined,
    };
    const client = await clientOf(feed, 'sb_wrong');
    await expect(seqsOf(client)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(tokens).toEqual(['sb_wrong']);
  });

  test('nobody listening for longer than giveUpAfterMs rejects with UNREACHABLE', async () => {
    const client = await clientOf(replaying([]));
    await server?.close();
    await expect(seqsOf(client, { giveUpAfterMs: 50 })).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  test('an abort while it waits for an event rejects with the reason', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const client = await clientOf({
      onWatch: ({ ack }) => {
        ack({ ok: true, status: 'running', lastSeq: 0 });
        abort.abort(reason);
      },
    });
    await expect(seqsOf(client, { signal: abort.signal })).rejects.toBe(reason);
  });

  test('breaking off closes the connection', async () => {
    let disconnected: Promise<unknown> = Promise.resolve();
    const client = await clientOf({
      onWatch: ({ socket, ack }) => {
        disconnected = new Promise((resolve) => socket.once('disconnect', resolve));
        ack({ ok: true, status: 'running', lastSeq: 3 });
        send(socket, taskEvents(TASK_ID, 3));
      },
    });
    for await (const event of client.watch(TASK_ID)) if (event.seq === 1) break;
    await expect(disconnected).resolves.toBe('client namespace disconnect');
  });
});

test('wait resolves to the task once its final event has come', async () => {
  const client = await clientOf(replaying(taskEvents(TASK_ID, 3)));
  await expect(client.wait(TASK_ID)).resolves.toMatchObject({ id: TASK_ID, status: 'completed' });
  expect(server?.requests.map((request) => request.path)).toEqual([`/v1/tasks/${TASK_ID}`]);
});
