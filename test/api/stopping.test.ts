import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { io } from 'socket.io-client';
import { afterEach, expect, test } from 'vitest';
import { attachLive, type Live } from '../../src/live/index.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { EventLog } from '../support/event-log.ts';
import { fakeMarket, TOKENS, type FakeMarket } from './fake-market.ts';

const agent = new Agent({ keepAlive: true });
afterEach(() => {
  agent.destroy();
});

interface Served {
  market: FakeMarket;
  live: Live;
  url: string;
}

async function served(change?: (market: FakeMarket['services']) => void): Promise<Served> {
  const market = await fakeMarket(change === undefined ? {} : { change });
  const log = new EventLog();
  const live = attachLive({
    httpServer: market.app.server,
    services: market.services,
    eventReader: log,
    hints: log,
    logger: createLogger('silent'),
    metrics: createMetrics(),
  });
  await market.app.listen({ port: 0, host: '127.0.0.1' });
  return { market, live, url: `http://127.0.0.1:${(market.app.server.address() as AddressInfo).port}` };
}

interface HttpAnswer {
  status: number | undefined;
  connection: string | undefined;
}

function get(url: string, path: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const options = { agent, headers: { authorization: `Bearer ${TOKENS.ada}` } };
    const sent = request(`${url}${path}`, options, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode, connection: response.headers.connection }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('the server stops although a web socket is open and a connection is kept alive', async () => {
  const { market, live, url } = await served();
  const socket = io(`${url}/tasks`, { auth: { token: TOKENS.ada }, transports: ['websocket'], reconnection: false });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  expect(await get(url, '/v1/tasks')).toStrictEqual({ status: 200, connection: 'keep-alive' });
  const gone = new Promise((resolve) => socket.once('disconnect', resolve));
  await live.close();
  await market.app.close();
  await gone;
  expect(market.app.server.listening).toBe(false);
});

test('a request that is under way when the server stops is answered, and its connection ended', async () => {
  let answerIt = (): void => undefined;
  let begun = (): void => undefined;
  const isUnderWay = new Promise<void>((resolve) => (begun = resolve));
  const { market, live, url } = await served((services) => {
    services.tasks.list = async () => {
      begun();
      await new Promise<void>((resolve) => (answerIt = resolve));
      return { items: [], nextCursor: null };
    };
  });
  const answer = get(url, '/v1/tasks');
  await isUnderWay;
  await live.close();
  const closed = market.app.close();
  setImmediate(() => {
    answerIt();
  });
  expect(await answer).toStrictEqual({ status: 200, connection: 'close' });
  await closed;
});
