import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Socket as TcpSocket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { io, type Socket } from 'socket.io-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { TaskEvent } from '../../src/contracts/events.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import type { GatewayNews, GatewayOrder } from '../support/gateway-process.ts';

const WATCHERS = 50;
/** Before and after the watchers stop reading. */
const [READ, UNREAD] = [600, 800];
const EVENTS = READ + UNREAD;
const EVENT_BYTES = 12_500;
const MIB = 1024 * 1024;
/** Between two looks at slow readers: shorter than 2 s, so that the test need not last 10 s. */
const SWEEP_MS = 100;

let gateway: ChildProcess;
let port: number;
/** Where socket.io's client keeps its TCP connection, which it shows nobody. */
const webSocketSchema = z.object({ ws: z.object({ _socket: z.instanceof(TcpSocket) }) });

const sockets: Socket[] = [];

beforeEach(async () => {
  const entry = fileURLToPath(new URL('../support/gateway-process.ts', import.meta.url));
  gateway = fork(entry, [String(SWEEP_MS)], {
    execArgv: ['--max-semi-space-size=8', '--expose-gc'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [news] = (await once(gateway, 'message')) as [GatewayNews];
  port = news.kind === 'listening' ? news.port : 0;
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.disconnect();
  const ended = once(gateway, 'exit');
  gateway.kill('SIGKILL');
  await ended;
});

function order(one: GatewayOrder): void {
  gateway.send(one);
}

async function report(): Promise<Extract<GatewayNews, { kind: 'report' }>> {
  order({ kind: 'report' });
  const [news] = (await once(gateway, 'message')) as [GatewayNews];
  if (news.kind !== 'report') throw new Error('the gateway said something else');
  return news;
}

/** Watches from the last event that it has seen, also after each broken connection. */
async function watcher(taskId: string, afterSeq = 0): Promise<{ seqs: number[]; stopReading(): void; readOn(): void }> {
  const seqs: number[] = [];
  const socket = io(`http://127.0.0.1:${port}/tasks`, {
    auth: { token: 'ada' },
    transports: ['websocket'],
    forceNew: true,
    reconnectionDelay: 10,
    reconnectionDelayMax: 50,
  });
  sockets.push(socket);
  socket.on('event', (event: TaskEvent) => seqs.push(event.seq));
  const watching = new Promise<void>((resolve) => {
    socket.on('connect', () => {
      socket.emit('watch', { taskId, afterSeq: seqs.at(-1) ?? afterSeq }, () => resolve());
    });
  });
  await watching;
  const tcp = (): TcpSocket => webSocketSchema.parse(socket.io.engine.transport).ws._socket;
  const held = tcp();
  return { seqs, stopReading: () => held.pause(), readOn: () => held.resume() };
}

test('50 watchers that never read, with 500 MB to come for them, make the gateway grow by less than 64 MiB, are cut off, and go on without a gap; others notice nothing', async () => {
  const taskId = uuidv7();
  const honest = await watcher(taskId);
  // what any load costs the process is not counted as theirs
  for (let i = 0; i < 10; i++) order({ kind: 'happen', taskId, count: READ / 10, bytes: EVENT_BYTES });
  await vi.waitFor(() => expect(honest.seqs).toHaveLength(READ), { timeout: 60_000 });
  const slow = await Promise.all(Array.from({ length: WATCHERS }, () => watcher(taskId, READ)));
  for (const one of slow) one.stopReading();
  const before = await report();
  expect(before.connections).toBe(WATCHERS + 1);
  for (let i = 0; i < 10; i++) order({ kind: 'happen', taskId, count: UNREAD / 10, bytes: EVENT_BYTES });

  await vi.waitFor(async () => expect((await report()).connections).toBe(1), { timeout: 60_000, interval: 100 });
  const { peakRss } = await report();
  // unbounded, they would hold 50 × 10 MB
  expect((peakRss - before.rss) / MIB).toBeLessThan(64);

  const all = Array.from({ length: EVENTS }, (_, index) => index + 1);
  await vi.waitFor(() => expect(honest.seqs).toHaveLength(EVENTS), { timeout: 20_000 });
  expect(honest.seqs).toStrictEqual(all);
  const [one] = slow;
  expect(one?.seqs.length).toBeLessThan(UNREAD);
  one?.readOn();
  await vi.waitFor(() => expect(one?.seqs).toHaveLength(UNREAD), { timeout: 20_000 });
  expect(one?.seqs).toStrictEqual(all.slice(READ));
}, 120_000);
