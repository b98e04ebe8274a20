import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket as NetSocket } from 'node:net';
import { pino } from 'pino';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Principal } from '../../src/contracts/access.ts';
import { MarketError } from '../../src/contracts/errors.ts';
import type { TaskEvent, WatchAck } from '../../src/contracts/events.ts';
import type { MarketStats } from '../../src/contracts/ledger.ts';
import { attachLive, type Live } from '../../src/live/index.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import { EventLog } from '../support/event-log.ts';

const PRINCIPALS: Record<string, Principal> = {
  ada: { keyId: 'a', role: 'submitter', ownerId: 'ada' },
  admin: { keyId: 'b', role: 'admin', ownerId: 'admin' },
  outsider: { keyId: 'c', role: 'agent', ownerId: 'outsider' },
};

let log: EventLog;
let metrics: Metrics;
let owners: Map<string, string>;
let revoked: Set<string>;
let keyless: boolean;
let server: Server;
let live: Live;
const clients: Socket[] = [];

beforeEach(async () => {
  log = new EventLog();
  metrics = createMetrics();
  owners = new Map();
  revoked = new Set();
  keyless = false;
  await start(0);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await stop();
});

async function start(port: number): Promise<void> {
  server = createServer();
  live = attachLive({
    httpServer: server,
    services: { tasks: { position }, keys: { authenticate }, reputation: { stats: async () => STATS } },
    eventReader: log,
    hints: log,
    logger: pino({ level: 'silent' }),
    metrics,
    netMs: 60_000,
    sweepMs: 20,
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}

async function stop(): Promise<void> {
  await live.close();
  await new Promise((resolve) => server.close(resolve));
}

const STATS = { queueDepth: 7 } as MarketStats;

async function position(principal: Principal, taskId: string) {
  const owner = owners.get(taskId);
  if (owner === undefined || (principal.role !== 'admin' && owner !== principal.ownerId)) {
    throw new MarketError('NOT_FOUND', 'Nothing has this id.');
  }
  return { status: 'running' as const, lastSeq: log.lastSeq(taskId) };
}

async function authenticate(token: string | undefined): Promise<Principal> {
  if (token === undefined && keyless) return { keyId: null, role: 'admin', ownerId: 'local' };
  const principal = token === undefined || revoked.has(token) ? undefined : PRINCIPALS[token];
  if (principal === undefined) throw new MarketError('UNAUTHENTICATED', 'Send a key.');
  return principal;
}

function port(): number {
  return (server.address() as AddressInfo).port;
}

function newTask(ownerId = 'ada', events = 0): string {
  const taskId = uuidv7();
  owners.set(taskId, ownerId);
  log.append(taskId, events);
  return taskId;
}

/** Commits events and says so. */
function happen(taskId: string, count = 1, data?: Record<string, unknown>): void {
  log.append(taskId, count, data);
  log.hint(taskId);
}

function client(namespace: string, token?: string, options: Partial<ManagerOptions & SocketOptions> = {}): Socket {
  const socket = io(`http://127.0.0.1:${port()}${namespace}`, {
    auth: token === undefined ? {} : { token },
    forceNew: true,
    transports: ['websocket'],
    reconnectionDelay: 10,
    reconnectionDelayMax: 50,
    ...options,
  });
  clients.push(socket);
  return socket;
}

const once = (socket: Socket, event: string): Promise<unknown> =>
  new Promise((resolve) => {
    socket.once(event, resolve);
  });

async function refusal(socket: Socket): Promise<{ message: string; code: unknown }> {
  const error = (await once(socket, 'connect_error')) as Error & { data?: { code?: unknown } };
  return { message: error.message, code: error.data?.code };
}

const watch = (socket: Socket, payload: unknown): Promise<WatchAck> =>
  socket.timeout(5_000).emitWithAck('watch', payload) as Promise<WatchAck>;
const unwatch = (socket: Socket, payload: unknown): Promise<WatchAck> =>
  socket.timeout(5_000).emitWithAck('unwatch', payload) as Promise<WatchAck>;

/** What the socket gets, in order, acknowledgements of `watch` not among it. */
function received(socket: Socket) {
  const events: TaskEvent[] = [];
  socket.on('event', (event: TaskEvent) => void events.push(event));
  const seqs = (taskId?: string) =>
    events.filter((event) => taskId === undefined || event.taskId === taskId).map((event) => event.seq);
  const untilSeq = (taskId: string, seq: number) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (seqs(taskId).at(-1) !== seq) return;
        socket.off('event', look);
        resolve();
      };
      socket.on('event', look);
      look();
    });
  return { events, seqs, untilSeq };
}

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

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

describe('who is let in', () => {
  test.each([
    ['/tasks', undefined, 'UNAUTHENTICATED'],
    ['/tasks', 'unknown', 'UNAUTHENTICATED'],
    ['/tasks', 'outsider', 'FORBIDDEN'],
    ['/admin', undefined, 'UNAUTHENTICATED'],
    ['/admin', 'ada', 'FORBIDDEN'],
    ['/admin', 'outsider', 'FORBIDDEN'],
    ['/', 'admin', 'NOT_FOUND'],
  ])('%s with the key %s is refused as %s', async (namespace, token, code) => {
    expect(await refusal(client(namespace, token))).toStrictEqual({ message: code, code });
  });

  test('a token that is no text is refused', async () => {
    const socket = client('/tasks', undefined, { auth: { token: { $ne: null } } });
    expect((await refusal(socket)).code).toBe('UNAUTHENTICATED');
  });

  test('while no key is needed, a page of another site is refused, and one of this machine is not', async () => {
    keyless = true;
    const from = (origin: string) => client('/tasks', undefined, { extraHeaders: { origin } });
    expect((await refusal(from('https://page.example'))).code).toBe('FORBIDDEN');
    await once(from('http://localhost:5173'), 'connect');
  });

  test('a connection whose key is revoked is ended, and only that', async () => {
    const [first, second] = [client('/tasks', 'ada'), client('/tasks', 'admin')];
    await Promise.all([once(first, 'connect'), once(second, 'connect')]);
    const ended = once(first, 'disconnect');
    revoked.add('ada');
    await ended;
    expect(second.connected).toBe(true);
    expect((await refusal(first.connect())).code).toBe('UNAUTHENTICATED');
  });
});

describe('/admin', () => {
  test('gives the events of all tasks, each task in order and from its first event', async () => {
    const [old, fresh] = [newTask('ada', 2), newTask('bob')];
    const socket = client('/admin', 'admin');
    const { seqs, untilSeq } = received(socket);
    await once(socket, 'connect');
    happen(old);
    happen(fresh, 450);
    await untilSeq(old, 3);
    await untilSeq(fresh, 450);
    happen(old, 2);
    await untilSeq(old, 5);
    expect(seqs(old)).toStrictEqual(upTo(5));
    expect(seqs(fresh)).toStrictEqual(upTo(450));
  });

  test('gives stats while somebody listens', async () => {
    expect(await once(client('/admin', 'admin'), 'stats')).toStrictEqual(STATS);
  });

  test('asks for no hints before somebody listens and after the last has left', async () => {
    expect(log.listeners).toBe(1);
    const socket = client('/admin', 'admin');
    await once(socket, 'connect');
    expect(log.listeners).toBe(2);
    socket.disconnect();
    await vi.waitFor(() => {
      expect(log.listeners).toBe(1);
    });
  });
});

describe('a client that does not read', () => {
  const connections = async () => (await metrics.watchers.get()).values[0]?.value;

  /** The TCP connection underneath: what is not taken from it backs up into the server. */
  function wire(socket: Socket): NetSocket {
    const { transport } = socket.io.engine as unknown as { transport: { ws: { _socket: NetSocket } } };
    return transport.ws._socket;
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
