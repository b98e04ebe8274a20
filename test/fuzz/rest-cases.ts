/** Requests: by each route's own schema, and as bytes that may be HTTP. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import type { FuzzedMarket } from './fuzzed-market.ts';
import { anyText, anyValue, fromSchema, HOSTILE_TEXTS, type JsonSchema } from './schema-arbitrary.ts';

type Caller = 'ada' | 'outsider' | 'admin' | 'nobody' | 'guess';

export interface RestCase {
  method: string;
  path: string;
  query: string;
  caller: Caller;
  headers: Record<string, string>;
  body: string | undefined;
}

export interface Answer {
  status: number;
  text: string;
}

interface Operation {
  parameters?: { name: string; in: string; schema?: JsonSchema }[];
  requestBody?: { content?: Record<string, { schema?: JsonSchema }> };
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, JsonSchema> };
}

const SLUGS = ['finance', 'marketing', 'seo', 'a'];
const callers = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Caller>('ada') },
  { weight: 5, arbitrary: fc.constant<Caller>('admin') },
  { weight: 3, arbitrary: fc.constantFrom<Caller>('outsider', 'nobody', 'guess') },
);

/** A request to one of the document's routes. */
export function restCases(document: OpenApi, { ids }: Pick<FuzzedMarket, 'ids'>): fc.Arbitrary<RestCase> {
  const components = document.components?.schemas ?? {};
  const taskIds = fc.constantFrom(...ids.adas, ...ids.bobs, ...ids.bobs);
  // an admin may name a skill as it likes: Bob's ids would come back as names that nobody told
  const otherIds = fc.constantFrom(...ids.adas, ...SLUGS);
  const cases = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      // what brings a body of many fields is worth more cases
      weight: operation.requestBody === undefined ? 1 : 5,
      arbitrary: fc.record({
        method: fc.constant(method.toUpperCase()),
        path: pathsOf(path, path.startsWith('/v1/tasks') ? taskIds : otherIds),
        query: queriesOf(operation, components),
        caller: callers,
        headers: headersOf(operation, components),
        body: bodiesOf(operation, components),
      }),
    })),
  );
  return fc.oneof(...cases);
}

function pathsOf(path: string, knownIds: fc.Arbitrary<string>): fc.Arbitrary<string> {
  if (!path.includes('{')) return fc.constant(path);
  const id = fc.oneof(
    { weight: 8, arbitrary: knownIds },
    { weight: 1, arbitrary: fc.uuid() },
    { weight: 1, arbitrary: anyText },
  );
  return id.map((one) => path.replace(/\{\w+\}/, encoded(one).slice(0, 2_000)));
}

function queriesOf(operation: Operation, components: Record<string, JsonSchema>): fc.Arbitrary<string> {
  const known = (operation.parameters ?? []).filter((one) => one.in === 'query');
  const pairs = known.map(({ name, schema }) =>
    fromSchema(schema ?? {}, components).map((value) => [name, value] as const),
  );
  const stray = fc.tuple(anyText, anyValue);
  const chosen = fc.array(
    pairs.length === 0
      ? stray
      : fc.oneof({ weight: 8, arbitrary: fc.oneof(...pairs) }, { weight: 1, arbitrary: stray }),
    { maxLength: 3 },
  );
  return chosen.map((list) =>
    list.map(([name, value]) => `${encoded(name)}=${encoded(plain(value)).slice(0, 2_000)}`).join('&'),
  );
}

function headersOf(operation: Operation, components: Record<string, JsonSchema>): fc.Arbitrary<Record<string, string>> {
  const known = (operation.parameters ?? []).filter((one) => one.in === 'header');
  const made = known.map(({ name, schema }) =>
    fc.option(fromSchema(schema ?? {}, components), { nil: undefined }).map((value) => [name, value] as const),
  );
  const type = fc.oneof(
    { weight: 15, arbitrary: fc.constant('application/json') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('text/plain', 'application/json; charset=utf-16', 'multipart/form-data', 'x'),
    },
  );
  return fc.tuple(type, ...made).map(([contentType, ...list]) => ({
    'content-type': contentType,
    ...Object.fromEntries(list.flatMap(([name, value]) => (value === undefined ? [] : [[name, headerText(value)]]))),
  }));
}

function bodiesOf(operation: Operation, components: Record<string, JsonSchema>): fc.Arbitrary<string | undefined> {
  const schema = operation.requestBody?.content?.['application/json']?.schema;
  if (schema === undefined) return fc.option(anyValue.map(json), { nil: undefined, freq: 10 });
  const byShape = fromSchema(schema, components).map(json);
  return fc.oneof(
    { weight: 20, arbitrary: byShape },
    { weight: 1, arbitrary: byShape.map((text) => text.slice(0, -1)) },
    { weight: 1, arbitrary: anyText },
  );
}

const json = (value: unknown): string => JSON.stringify(value ?? null);
const plain = (value: unknown): string => (typeof value === 'string' ? value : json(value));
const encoded = (value: string): string => encodeURIComponent(value.toWellFormed());
const headerText = (value: unknown): string =>
  plain(value)
    .replace(/[^\x20-\x7e]/g, '?')
    .trim()
    .slice(0, 2_000);

function tokenOf(market: FuzzedMarket, caller: Caller): string | undefined {
  if (caller === 'nobody') return undefined;
  return caller === 'guess' ? `sb_${'A'.repeat(43)}` : market.tokens[caller];
}

export async function send(
  market: FuzzedMarket,
  { method, path, query, caller, headers, body }: RestCase,
): Promise<Answer> {
  const token = tokenOf(market, caller);
  const answer = await fetch(`${market.url}${path}${query === '' ? '' : `?${query}`}`, {
    method,
    headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(body === undefined || method === 'GET' ? {} : { body: body.toWellFormed() }),
    redirect: 'manual',
  });
  return { status: answer.status, text: await answer.text() };
}

/** Bytes for the port: noise, or a request of Ada's into which something was cut. */
export function byteCases({ tokens, ids }: FuzzedMarket): fc.Arbitrary<Uint8Array> {
  const whole = fc
    .tuple(
      fc.constantFrom('GET', 'POST', 'PUT', 'OPTIONS', 'CONNECT', 'TRACE', 'PRI', 'get'),
      fc.constantFrom(
        '/v1/tasks',
        `/v1/tasks/${ids.bobs[0] ?? ''}`,
        '*',
        'http://x/v1/tasks',
        '/socket.io/?EIO=4&transport=polling',
        '//',
      ),
      fc.constantFrom('', '{"type":"a"}', `0\r\n\r\n`, 'x'.repeat(2_000)),
      fc.constantFrom(
        'content-length: 12',
        'transfer-encoding: chunked',
        'upgrade: websocket\r\nconnection: upgrade',
        'expect: 100-continue',
      ),
    )
    .map(([method, path, body, line]) =>
      Buffer.from(
        `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${tokens.ada}\r\ncontent-type: application/json\r\n${line}\r\n\r\n${body}`,
      ),
    );
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom(...HOSTILE_TEXTS.slice(0, -1)).map((one) => Buffer.from(one)),
  );
  const cut = fc.tuple(whole, fc.nat(400), fc.nat(20), noise).map(([bytes, from, count, inserted]) => {
    const at = from % bytes.length;
    return new Uint8Array(Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + count)]));
  });
  return fc.oneof(noise, cut, whole);
}

/** All that the server says before it ends the connection, which it is given reason to. */
export async function sendBytes(market: FuzzedMarket, bytes: Uint8Array): Promise<string> {
  const socket = connect({ port: market.port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.end(bytes);
  return text(socket).catch(() => '');
}
