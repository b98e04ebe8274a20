/**
 * How a server stops: it takes no new connection and refuses new requests, finishes those under way, and then ends its
 * connections. A connection kept alive by its client, or one that was upgraded, would hold up `close` as long as it likes.
 */
import type { FastifyInstance } from 'fastify';
import { MarketError } from '../contracts/errors.ts';

declare module 'fastify' {
  interface FastifyInstance {
    requestsUnderWay: { count: number };
  }
}

const LOOK_EVERY_MS = 10;

/** To be called once, before routes are added. */
export function prepareStopping(app: FastifyInstance): void {
  const underWay = { count: 0 };
  let closing = false;
  app.decorate('requestsUnderWay', underWay);
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  app.addHook('onRequest', (_request, reply, done) => {
    underWay.count += 1;
    reply.raw.once('close', () => (underWay.count -= 1));
    done(closing ? new MarketError('UNAVAILABLE', 'This server is stopping. Try again.') : undefined);
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) void reply.header('connection', 'close');
    done(null, payload);
  });
}

/** Takes no more connections and requests; resolves when those under way are answered, or after `limitMs`. */
export async function stopAccepting(app: FastifyInstance, limitMs: number): Promise<void> {
  // it resolves with the last connection, among which are web sockets that shall stay open for now
  void app.close();
  const untilMs = performance.now() + limitMs;
  while (app.requestsUnderWay.count > 0 && performance.now() < untilMs)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}

/** Ends whatever connection is left. */
export async function closeServer(app: FastifyInstance): Promise<void> {
  const closed = app.close();
  app.server.closeAllConnections();
  await closed;
}
