import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server } from 'socket.io';
import type { EventHints, EventReader, KeyService, ReputationQueries, TaskService } from '../contracts/services.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createAdmission, dropRevoked } from './admission.ts';
import { AdminGateway } from './admin-gateway.ts';
import { Connections } from './connections.ts';
import { Feed } from './feed.ts';
import { LastLook } from './last-look.ts';
import type { LiveServer } from './live-types.ts';
import { WatchSession } from './watch-session.ts';

export interface LiveDeps {
  httpServer: HttpServer;
  services: {
    tasks: Pick<TaskService, 'position'>;
    keys: Pick<KeyService, 'authenticate'>;
    reputation: Pick<ReputationQueries, 'stats'>;
  };
  eventReader: EventReader;
  hints: EventHints;
  logger: Logger;
  metrics: Metrics;
  /** Of the feed's net; default 2 000. */
  netMs?: number | undefined;
  /** Between two looks at the connections' keys and at slow readers; default 2 000. */
  sweepMs?: number | undefined;
  /** Origins whose pages may connect, beside the server's own; default none. */
  origins?: readonly string[] | undefined;
}

export interface Live {
  /** Looks at the keys of all connections now, and ends those whose key does not stand any more. */
  recheckKeys(): void;
  /**
   * Refuses new connections, sends what was committed until now, then ends every connection; clients see a broken transport
   * and try to connect again. Call it before the end of the HTTP server is awaited, which waits for open web sockets.
   */
  close(): Promise<void>;
}

const MAX_MESSAGE_BYTES = 100_000;
const SWEEP_MS = 2_000;
/** To a connection that has named no namespace. */
const CONNECT_TIMEOUT_MS = 10_000;
const LAST_LOOK_MS = 2_000;
const CLOSE_GRACE_MS = 500;
const FAILED_PER_MINUTE = 600;

/** Serves the live feed (Socket.IO, namespaces `/tasks` and `/admin`) on an HTTP server. */
export function attachLive(deps: LiveDeps): Live {
  const logger = deps.logger.child({ component: 'live' });
  const upgraded = trackUpgraded(deps.httpServer);
  let closing = false;
  const io = newServer(deps, () => !closing);
  const source = new LastLook(deps.hints, deps.eventReader);
  const feed = new Feed({ eventReader: source, hints: source, logger, netMs: deps.netMs });
  const connections = new Connections(io, deps.metrics);
  const admins = serveNamespaces(io, { ...deps, hints: source, eventReader: source, logger }, feed, connections);
  const sweeper = startSweeper(io, deps, connections, logger);
  return {
    recheckKeys: () => {
      sweeper.recheckKeys();
    },
    close: async () => {
      if (closing) return;
      closing = true;
      await source.take(LAST_LOOK_MS);
      sweeper.stop();
      feed.close();
      admins.close();
      connections.closeAll();
      await goneWithin(upgraded, CLOSE_GRACE_MS);
      io.engine.close();
    },
  };
}

function newServer({ httpServer, origins }: LiveDeps, isOpen: () => boolean): LiveServer {
  return new Server(httpServer, {
    serveClient: false,
    maxHttpBufferSize: MAX_MESSAGE_BYTES,
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(origins === undefined ? {} : { cors: { origin: [...origins] } }),
    // no recovery of connection states: it lets a client in again unasked, and repeats; the feed resumes by seq
    allowRequest: (_request, decide) => {
      decide(isOpen() ? null : 'the server is stopping', isOpen());
    },
  });
}

function serveNamespaces(io: LiveServer, deps: LiveDeps, feed: Feed, connections: Connections): AdminGateway {
  const { logger, services } = deps;
  io.use((_socket, next) => {
    next(Object.assign(new Error('NOT_FOUND'), { data: { code: 'NOT_FOUND' } }));
  });
  const openTo = createAdmission({
    keys: services.keys,
    logger,
    origins: deps.origins ?? [],
    failedPerMinute: FAILED_PER_MINUTE,
  });
  const tasks = io.of('/tasks');
  openTo(tasks, '/tasks');
  tasks.on('connection', (socket) => {
    new WatchSession(socket, { tasks: services.tasks, feed, budget: connections.budgetOf(socket.conn), logger });
  });
  const admin = io.of('/admin');
  openTo(admin, '/admin');
  return new AdminGateway(admin, {
    reputation: services.reputation,
    eventReader: deps.eventReader,
    hints: deps.hints,
    logger,
  });
}

interface Sweeper {
  recheckKeys(): void;
  stop(): void;
}

function startSweeper(io: LiveServer, deps: LiveDeps, connections: Connections, logger: Logger): Sweeper {
  let asking: Promise<void> | null = null;
  let askAgain = false;
  const recheckKeys = () => {
    // a key that is revoked while the others are asked for may have been asked for already
    askAgain = true;
    asking ??= recheck().finally(() => {
      asking = null;
    });
  };
  const recheck = async () => {
    while (askAgain) {
      askAgain = false;
      await dropRevoked([io.of('/tasks'), io.of('/admin')], deps.services.keys).catch((error: unknown) => {
        logger.error({ err: error }, 'the keys of open connections could not be looked at');
      });
    }
  };
  const timer = setInterval(() => {
    const cut = connections.cutSlowReaders();
    if (cut > 0) logger.warn({ connections: cut }, 'slow readers of the live feed were cut off');
    if (asking === null) recheckKeys();
  }, deps.sweepMs ?? SWEEP_MS);
  return { recheckKeys, stop: () => clearInterval(timer) };
}

/** An HTTP server forgets a connection that was upgraded, yet waits for its end. */
function trackUpgraded(httpServer: HttpServer): Set<Duplex> {
  const open = new Set<Duplex>();
  httpServer.on('upgrade', (_request: IncomingMessage, socket: Duplex) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
}

/** Waits for a closing handshake from each client, but not for long: a dead one would hold the server for 30 s. */
async function goneWithin(sockets: Set<Duplex>, graceMs: number): Promise<void> {
  const gone = [...sockets].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())));
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await Promise.all(gone);
  clearTimeout(timer);
}
