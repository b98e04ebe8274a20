import type { Socket as NetSocket } from 'node:net';
import type { Socket } from 'socket.io-client';
import { describe, expect, test, vi } from 'vitest';
import type { TaskEvent, WatchAck } from '../../src/contracts/events.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import {
  client,
  happen,
  log,
  metrics,
  newTask,
  once,
  port,
  received,
  serveLiveFeed,
  start,
  stop,
  unwatch,
  upTo,
  watch,
} from '../support/live-server.ts';

serveLiveFeed();

describe('watching a task', () => {
  test.each([['websocket'], ['polling']])(
    'over %s is acknowledged first, then gives what the store holds, then what happens',
    async (transport) => {
      const taskId = newTask('ada', 3);
      const socket = client('/tasks', 'ada', { transports: [transport] });
      const order: unknown[] = [];
      socket.on('event', ({ seq }: TaskEvent) => order.push(seq));
      const { untilSeq } = received(socket);
      socket.emit('watch', { taskId, afterSeq: 1 }, (ack: WatchAck) => order.push(ack));
      await untilSeq(taskId, 3);
      happen(taskId, 2);
      await untilSeq(taskId, 5);
      expect(order).toStrictEqual([{ ok: true, status: 'running', lastSeq: 3 }, 2, 3, 4, 5]);
    },
  );

  test('gives an event as {seq, taskId, type, at, data}', async () => {
    const taskId = newTask();
    const socket = client('/tasks', 'ada');
    await watch(socket, { taskId });
    const event = once(socket, 'event');
    happen(taskId, 1, { percent: 50 });
    expect(await event).toStrictEqual({
      seq: 1,
      taskId,
      type: 'subtask.progress',
      at: '2026-11-21T10:00:00.000Z',
      data: { percent: 50 },
    });
  });

  test('goes on after a broken connection from the last seq seen, without gap or repeat', async () => {
    const taskId = newTask('ada', 2);
    const socket = client('/tasks', 'ada');
    const { seqs, untilSeq } = received(socket);
    socket.on('connect', () => void watch(socket, { taskId, afterSeq: seqs().at(-1) ?? 0 }));
    await untilSeq(taskId, 2);
    const back = once(socket, 'connect');
    socket.io.engine.close();
    happen(taskId, 300);
    await back;
    happen(taskId);
    await untilSeq(taskId, 303);
    expect(seqs()).toStrictEqual(upTo(303));
  });

  test('goes on after a restart of the server, which a client sees as a broken connection', async () => {
    const taskId = newTask('ada', 2);
    const socket = client('/tasks', 'ada');
    const { seqs, untilSeq } = received(socket);
    socket.on('connect', () => void watch(socket, { taskId, afterSeq: seqs().at(-1) ?? 0 }));
    await untilSeq(taskId, 2);
    const gone = once(socket, 'disconnect');
    const samePort = port();
    await stop();
    expect(await gone).not.toBe('io server disconnect');
    log.append(taskId, 5);
    await start(samePort);
    await untilSeq(taskId, 7);
    expect(seqs()).toStrictEqual(upTo(7));
  });

  test('gives each of two watchers, at different positions, every event once', async () => {
    const taskId = newTask('ada', 500);
    const [early, late] = [client('/tasks', 'ada'), client('/tasks', 'admin')];
    const [fromStart, fromEnd] = [received(early), received(late)];
    await Promise.all([watch(early, { taskId }), watch(late, { taskId, afterSeq: 500 })]);
    happen(taskId, 5);
    await Promise.all([fromStart.untilSeq(taskId, 505), fromEnd.untilSeq(taskId, 505)]);
    expect(fromStart.seqs()).toStrictEqual(upTo(505));
    expect(fromEnd.seqs()).toStrictEqual(upTo(505, 501));
  });

  test('beyond the last event is refused, and a watch that stood before goes on', async () => {
    const taskId = newTask('ada', 2);
    const socket = client('/tasks', 'ada');
    const { seqs, untilSeq } = received(socket);
    await watch(socket, { taskId });
    expect(await watch(socket, { taskId, afterSeq: 3 })).toStrictEqual({ ok: false, code: 'INVALID_REQUEST' });
    happen(taskId);
    await untilSeq(taskId, 3);
    expect(seqs()).toStrictEqual([1, 2, 3]);
  });

  test('a second time on one connection takes the place of the first', async () => {
    const taskId = newTask('ada', 2);
    const socket = client('/tasks', 'ada');
    const { seqs, untilSeq } = received(socket);
    await watch(socket, { taskId });
    await untilSeq(taskId, 2);
    await watch(socket, { taskId, afterSeq: 1 });
    happen(taskId);
    await untilSeq(taskId, 3);
    expect(seqs()).toStrictEqual([1, 2, 2, 3]);
  });

  test('ends with unwatch, also one sent right behind the watch', async () => {
    const [quiet, other] = [newTask('ada', 1), newTask('ada')];
    const socket = client('/tasks', 'ada');
    const { seqs, untilSeq } = received(socket);
    const both = Promise.all([watch(socket, { taskId: quiet, afterSeq: 1 }), unwatch(socket, { taskId: quiet })]);
    expect(await both).toMatchObject([{ ok: true }, { ok: true }]);
    await watch(socket, { taskId: other });
    happen(quiet);
    happen(other);
    await untilSeq(other, 1);
    expect(seqs(quiet)).toStrictEqual([]);
  });
});

describe('a watch that cannot be', () => {
  test('is NOT_FOUND alike for a task of another owner, one that is not there, and no id at all', async () => {
    const foreign = newTask('bob', 3);
    const socket = client('/tasks', 'ada');
    const { events } = received(socket);
    for (const taskId of [foreign, uuidv7(), 'no-uuid']) {
      expect(await watch(socket, { taskId })).toStrictEqual({ ok: false, code: 'NOT_FOUND' });
    }
    const own = newTask('ada', 1);
    await watch(socket, { taskId: own });
    happen(foreign);
    await vi.waitFor(() => {
      expect(events.map((event) => event.taskId)).toStrictEqual([own]);
    });
  });

  test.each([
    ['nothing', null],
    ['a text', 'task'],
    ['no id', {}],
    ['a negative position', { taskId: uuidv7(), afterSeq: -1 }],
    ['a position that no store holds', { taskId: uuidv7(), afterSeq: 2_147_483_648 }],
    ['a broken position', { taskId: uuidv7(), afterSeq: 1.5 }],
    ['an unknown field', { taskId: uuidv7(), since: 1 }],
    ['binary', Buffer.from('x')],
  ])('is INVALID_REQUEST for %s', async (_what, payload) => {
    const socket = client('/tasks', 'ada');
    expect(await watch(socket, payload)).toStrictEqual({ ok: false, code: 'INVALID_REQUEST' });
    expect(await unwatch(socket, payload)).toStrictEqual({ ok: false, code: 'INVALID_REQUEST' });
  });

  test('is ignored without a function to acknowledge it, and the connection stands', async () => {
    const taskId = newTask('ada', 1);
    const socket = client('/tasks', 'ada');
    const { seqs, untilSeq } = received(socket);
    socket.emit('watch', { taskId });
    socket.emit('watch');
    socket.emit('unwatch');
    await watch(socket, { taskId });
    await untilSeq(taskId, 1);
    expect(seqs()).toStrictEqual([1]);
  });

  test('is RATE_LIMITED when it is the 1,001st of one connection', async () => {
    const socket = client('/tasks', 'ada');
    const taskIds = Array.from({ length: 1_001 }, () => newTask());
    const acks = await Promise.all(taskIds.map((taskId) => watch(socket, { taskId })));
    expect(acks.filter((ack) => ack.ok)).toHaveLength(1_000);
    expect(acks.at(-1)).toStrictEqual({ ok: false, code: 'RATE_LIMITED' });
  });
});

describe('a client that does not read', () => {
  const connections = async () => (await metrics.watchers.get()).values[0]?.value;

  /** The TCP connection underneath: what is not taken from it backs up into the server. */
  function wire(socket: Socket): NetSocket {
    const { ws } = socket.io.engine.transport as typeof socket.io.engine.transport & { ws: { _socket: NetSocket } };
    return ws._socket;
  }

  test('is sent no more than the buffers hold, is cut off while others go on, and catches up when it is back', async () => {
    const taskId = newTask();
    const stuck = client('/tasks', 'ada');
    const other = client('/tasks', 'ada');
    const [fromStuck, fromOther] = [received(stuck), received(other)];
    await Promise.all([watch(stuck, { taskId }), watch(other, { taskId })]);
    wire(stuck).pause();
    const text = 'x'.repeat(100_000);
    for (let count = 1; count <= 200; count++) {
      happen(taskId, 1, { text });
      await fromOther.untilSeq(taskId, count);
    }
    await vi.waitFor(async () => {
      expect(await connections()).toBe(1);
    }, 10_000);
    const back = once(stuck, 'connect');
    wire(stuck).resume();
    await back;
    expect(fromStuck.seqs().length).toBeLessThan(200);
    await watch(stuck, { taskId, afterSeq: fromStuck.seqs().at(-1) ?? 0 });
    await fromStuck.untilSeq(taskId, 200);
    expect(fromStuck.seqs()).toStrictEqual(upTo(200));
  });
});

test('close ends open connections of both transports and leaves nothing listening', async () => {
  const sockets = [
    client('/tasks', 'ada'),
    client('/admin', 'admin'),
    client('/tasks', 'ada', { transports: ['polling'] }),
  ];
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const gone = Promise.all(sockets.map((socket) => once(socket, 'disconnect')));
  for (const socket of sockets) socket.io.reconnection(false);
  await stop();
  await gone;
  expect(log.listeners).toBe(0);
  expect((await metrics.watchers.get()).values[0]?.value).toBe(0);
  await start(0);
});

test('a server that stops tells its watchers what nobody has hinted at yet, and then ends their connections', async () => {
  const taskId = newTask('ada', 1);
  const socket = client('/tasks', 'ada', { reconnection: false });
  const { seqs } = received(socket);
  await watch(socket, { taskId });
  log.append(taskId, 450);
  const ended = once(socket, 'disconnect');
  await stop();
  await ended;
  expect(seqs()).toStrictEqual(upTo(451));
  await start(0);
});
