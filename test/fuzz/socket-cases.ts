/** What a client of the live feed may send: events by name, and frames below them. */
import fc from 'fast-check';
import { io, type Socket } from 'socket.io-client';
import type { FuzzedMarket } from './fuzzed-market.ts';
import { anyText, anyValue } from './schema-arbitrary.ts';

const PATIENCE_MS = 10_000;

export interface EventCase {
  name: string;
  args: unknown[];
}

export function eventCases({ ids }: FuzzedMarket): fc.Arbitrary<EventCase> {
  const taskId = fc.oneof(fc.constantFrom(...ids.adas, ...ids.bobs), anyValue);
  const request = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ taskId, afterSeq: fc.oneof(fc.integer(), anyValue) }, { requiredKeys: ['taskId'] }),
    },
    {
      weight: 1,
      arbitrary: fc.oneof(
        anyValue,
        fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
      ),
    },
  );
  const name = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('watch', 'unwatch') },
    { weight: 1, arbitrary: anyText },
  );
  return fc.record({ name, args: fc.array(request, { minLength: 1, maxLength: 2 }) });
}

/** Ada's connection, made anew whenever the server has cut it. `heard` has everything that it was ever told. */
export class FuzzedSocket {
  readonly #socket: Socket;
  heard = '';

  constructor(market: FuzzedMarket) {
    this.#socket = io(`${market.url}/tasks`, {
      auth: { token: market.tokens.ada },
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 50,
    });
    this.#socket.onAny((...told: unknown[]) => (this.heard += JSON.stringify(told)));
    this.#socket.on('disconnect', (reason) => {
      if (reason === 'io server disconnect') this.#socket.connect();
    });
  }

  /** Resolves with the acknowledgement, or with null where the connection was cut for it. */
  async send({ name, args }: EventCase): Promise<unknown> {
    const socket = this.#socket;
    if (!socket.connected) await new Promise<void>((resolve) => socket.once('connect', resolve));
    // names that the client library keeps for itself cannot be sent
    if (['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'].includes(name))
      return null;
    const cut = new Promise<null>((resolve) => socket.once('disconnect', () => resolve(null)));
    const answer = await Promise.race([
      socket.timeout(PATIENCE_MS).emitWithAck(name, ...args) as Promise<unknown>,
      cut,
    ]);
    this.heard += JSON.stringify(answer);
    return answer;
  }

  close(): void {
    this.#socket.disconnect();
  }
}

/** Frames of Engine.IO and Socket.IO, whole, cut and made up; sent as text or as bytes. */
export function frameCases({ tokens, ids }: FuzzedMarket): fc.Arbitrary<(string | Uint8Array)[]> {
  const bobs = ids.bobs[0] ?? '';
  const known = fc.constantFrom(
    `40/tasks,{"token":"${tokens.ada}"}`,
    '40/admin,{"token":"x"}',
    '40/tasks,',
    '41/tasks,',
    `42/tasks,1["watch",{"taskId":"${bobs}"}]`,
    `42/admin,1["watch",{"taskId":"${bobs}"}]`,
    '42/tasks,["event",{}]',
    '451-/tasks,["watch",{"_placeholder":true,"num":0}]',
    '4599999-/tasks,["watch"]',
    '43/tasks,1[]',
    '44/tasks,{}',
    '2probe',
    '3',
    '5',
    '6',
    '1',
  );
  const frame = fc.oneof(
    { weight: 6, arbitrary: known },
    { weight: 1, arbitrary: fc.tuple(known, fc.nat(60)).map(([one, at]) => one.slice(0, at)) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom('4', '42', '42/tasks,', '45', '0', '9'), anyText).map(([a, b]) => a + b),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  );
  return fc.array(frame, { minLength: 1, maxLength: 6 });
}

/** All that the server said until it had answered a ping of the web socket's own, or had ended the connection. */
export async function sendFrames(market: FuzzedMarket, frames: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${market.port}/socket.io/?EIO=4&transport=websocket`);
  let heard = '';
  const ended = new Promise<void>((resolve) => socket.addEventListener('close', () => resolve()));
  const opened = new Promise<void>((resolve) => socket.addEventListener('open', () => resolve()));
  socket.addEventListener('message', ({ data }) => (heard += typeof data === 'string' ? data : '[bytes]'));
  socket.addEventListener('error', () => undefined);
  await Promise.race([opened, ended]);
  // a namespace that does not exist is refused in its turn, after all that came before
  for (const one of [...frames, '40/last,'])
    if (socket.readyState === WebSocket.OPEN) socket.send(typeof one === 'string' ? one : new Uint8Array(one));
  const answered = new Promise<void>((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      if (String(data).startsWith('44/last,')) resolve();
    });
  });
  await Promise.race([answered, ended]);
  socket.close();
  return heard;
}
