/** The live feed on a bare HTTP server, over events in memory. One module state a test file; call `serveLiveFeed` once. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { afterEach, beforeEach } from 'vitest';
import type { Principal } from '../../src/contracts/access.ts';
import { MarketError } from '../../src/contracts/errors.ts';
import type { TaskEvent, WatchAck } from '../../src/contracts/events.ts';
import type { MarketStats } from '../../src/contracts/ledger.ts';
import { attachLive, type Live } from '../../src/live/index.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import { EventLog } from './event-log.ts';

const PRINCIPALS: Record<string, Principal> = {
  ada: { keyId: 'a', role: 'submitter', ownerId: 'ada' },
  admin: { keyId: 'b', role: 'admin', ownerId: 'admin' },
  outsider: { keyId: 'c', role: 'agent', ownerId: 'outsider' },
};

export let log: EventLog;
export let metrics: Metrics;
let owners: Map<string, string>;
export let revoked: Set<string>;
/** Whether callers without a key are let in. */
export const access = { keyless: false };
let server: Server;
let live: Live;
const clients: Socket[] = [];

/** A fresh server before each test, closed after it together with its clients. */
export function serveLiveFeed(): void {
  beforeEach(async () => {
    log = new EventLog();
    metrics = createMetrics();
    owners = new Map();
    revoked = new Set();
    access.keyless = false;
    await start(0);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await stop();
  });
}

/** Of pages that may connect, beside the server's own. */
export const ORIGIN = 'https://shop.example';

export const recheckKeys = (): void => live.recheckKeys();

export async function start(port: number, sweepMs = 20): Promise<void> {
  server = createServer();
  live = attachLive({
    httpServer: server,
    services: { tasks: { position }, keys: { authenticate }, reputation: { stats: async () => STATS } },
    eventReader: log,
    hints: log,
    logger: pino({ level: 'silent' }),
    metrics,
    netMs: 60_000,
    sweepMs,
    origins: [ORIGIN],
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}

export async function stop(): Promise<void> {
  await live.close();
  await new Promise((resolve) => server.close(resolve));
}

export const STATS = { queueDepth: 7 } as MarketStats;

async function position(principal: Principal, taskId: string) {
  const owner = owners.get(taskId);
  if (owner === undefined || (principal.role !== 'admin' && owner !== principal.ownerId)) {
    throw new MarketError('NOT_FOUND', 'Nothing has this id.');
  }
  return { status: 'running' as const, lastSeq: log.lastSeq(taskId) };
}

async function authenticate(token: string | undefined): Promise<Principal> {
  if (token === undefined && access.keyless) return { keyId: null, role: 'admin', ownerId: 'local' };
  const principal = token === undefined || revoked.has(token) ? undefined : PRINCIPALS[token];
  if (principal === undefined) throw new MarketError('UNAUTHENTICATED', 'Send a key.');
  return principal;
}

export function port(): number {
  return (server.address() as AddressInfo).port;
}

export function newTask(ownerId = 'ada', events = 0): string {
  const taskId = uuidv7();
  owners.set(taskId, ownerId);
  log.append(taskId, events);
  return taskId;
}

/** Commits events and says so. */
export function happen(taskId: string, count = 1, data?: Record<string, unknown>): void {
  log.append(taskId, count, data);
  log.hint(taskId);
}

export function client(
  namespace: string,
  token?: string,
  options: Partial<ManagerOptions & SocketOptions> = {},
): Socket {
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

export const once = (socket: Socket, event: string): Promise<unknown> =>
  new Promise((resolve) => {
    socket.once(event, resolve);
  });

export async function refusal(socket: Socket): Promise<{ message: string; code: unknown }> {
  const error = (await once(socket, 'connect_error')) as Error & { data?: { code?: unknown } };
  return { message: error.message, code: error.data?.code };
}

export const watch = (socket: Socket, payload: unknown): Promise<WatchAck> =>
  socket.timeout(5_000).emitWithAck('watch', payload) as Promise<WatchAck>;
export const unwatch = (socket: Socket, payload: unknown): Promise<WatchAck> =>
  socket.timeout(5_000).emitWithAck('unwatch', payload) as Promise<WatchAck>;

/** What the socket gets, in order, acknowledgements of `watch` not among it. */
export function received(socket: Socket) {
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

export const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
