import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callHttp, httpCallFault, type HttpPolicy } from '../../../src/agents/tools/http-call.ts';
import type { ToolCall } from '../../../src/contracts/tool.ts';

type HttpCall = Extract<ToolCall, { kind: 'http' }>;

const never = new AbortController().signal;
const seen: { method: string | undefined; url: string | undefined; body: string; headers: http.IncomingHttpHeaders }[] =
  [];
let server: http.Server;
let host: string;

beforeAll(async () => {
  server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      seen.push({ method: request.method, url: request.url, body, headers: request.headers });
      if (request.url?.startsWith('/redirect') === true) {
        response.writeHead(302, { location: `http://${host}/secret` }).end();
      } else if (request.url?.startsWith('/long') === true) {
        response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(1024 * 1024 + 1));
      } else response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok": true}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const call = (url: string, method: HttpCall['method'] = 'GET'): HttpCall => ({ kind: 'http', method, url });
const open = (): HttpPolicy => ({ hosts: [host], allowPrivate: true });

describe('the HTTP call of a tool', () => {
  it('fills its path and query from the arguments, encoded; the rest goes into the query, or into the body', async () => {
    seen.splice(0);
    const args = { city: '../a b/?&', unit: 'C', day: 3 };
    expect(await callHttp(call(`http://${host}/weather/{city}?u={unit}`), args, open(), never)).toEqual({ ok: true });
    await callHttp(call(`http://${host}/weather/{city}`, 'POST'), args, open(), never);
    expect(seen.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['GET', '/weather/%2E%2E%2Fa%20b%2F%3F%26?u=C&day=3', ''],
      ['POST', '/weather/%2E%2E%2Fa%20b%2F%3F%26', '{"unit":"C","day":3}'],
    ]);
    expect(seen[0]?.headers).not.toHaveProperty('authorization');
    expect(seen[0]?.headers).not.toHaveProperty('cookie');
  });

  it('follows no redirect, and reads 1 MiB at most', async () => {
    seen.splice(0);
    await expect(callHttp(call(`http://${host}/redirect`), {}, open(), never)).rejects.toThrow('answered 302');
    expect(seen).toHaveLength(1);
    await expect(callHttp(call(`http://${host}/long`), {}, open(), never)).rejects.toThrow('longer than');
  });

  it.each([
    ['another host', 'http://example.com/'],
    ['another port', 'http://127.0.0.1:1/'],
    ['a user before the host', 'http://127.0.0.1@example.com/'],
    ['a host that arguments choose', 'http://{host}/'],
    ['a port that arguments choose', 'http://127.0.0.1:{port}/'],
    ['another protocol', 'file:///etc/passwd'],
    ['a name that only begins like one of the list', 'http://api.example.org.evil.test/'],
    ['nothing', ''],
  ])('is refused for %s', (_what, url) => {
    const policy = { hosts: ['127.0.0.1:80', 'api.example.org'], allowPrivate: true };
    expect(httpCallFault(call(url), policy)).not.toBeNull();
  });

  it('takes a host of the list with its usual port, in any case', () => {
    const policy = { hosts: ['api.example.org', 'other.test:443'], allowPrivate: false };
    expect(httpCallFault(call('https://API.example.org/x/{y}'), policy)).toBeNull();
    expect(httpCallFault(call('https://other.test/'), policy)).toBeNull();
    expect(httpCallFault(call('http://other.test/'), policy)).not.toBeNull();
  });

  it.each([
    '127.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '10.0.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '0.0.0.0',
    '2130706433',
    '0x7f.1',
    'localhost',
    '100.64.0.1',
    '[fd00::1]',
    '[fe80::1]',
  ])('does not reach the private address %s, though its host is in the list', async (address) => {
    const url = `http://${address}:9/`;
    const policy = { hosts: [new URL(url).host, `${address}:9`], allowPrivate: false };
    await expect(callHttp(call(url), {}, policy, AbortSignal.timeout(5_000))).rejects.toThrow(/not allowed|private/i);
  });
});
