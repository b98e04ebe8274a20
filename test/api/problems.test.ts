import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { MarketError } from '../../src/contracts/errors.ts';
import { ask, fakeMarket, TOKENS, type Answer, type FakeMarket } from './fake-market.ts';

let market: FakeMarket;
afterEach(async () => {
  await market.app.close();
});

function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.body).toMatchObject({ status, code });
  for (const member of ['type', 'title', 'detail']) expect(answer.body[member]).toBeTypeOf('string');
}

describe('what is wrong with a body', () => {
  const post = (raw: string, headers: Record<string, string> = {}) =>
    ask(market, 'POST', '/v1/tasks', { raw, headers });

  test('is told field by field, with what is allowed and what came', async () => {
    market = await fakeMarket();
    const answer = await ask(market, 'POST', '/v1/tasks', {
      body: {
        priority: 'urgent',
        maxTeamSize: 11,
        maxAttempts: 1.5,
        timeoutMs: 99,
        deadline: 'tomorrow',
        allowPartial: 'yes',
        requiredSkills: ['seo', 'Not A Slug'],
        rules: [{ name: 'r', expression: 'true', severity: 'maybe' }],
        data: [],
        ticket: 1,
      },
    });
    expectProblem(answer, 400, 'INVALID_REQUEST');
    const slug = 'must be 1–64 characters of a–z, 0–9, "_" or "-", beginning with a letter or a digit';
    expect(answer.body.errors).toStrictEqual([
      { path: 'type', message: 'is required' },
      { path: 'requiredSkills.1', message: slug },
      { path: 'priority', message: 'must be one of "low", "normal", "high", "critical", not "urgent"' },
      { path: 'deadline', message: 'must be a time with its zone, as 2026-11-21T12:00:00Z, not "tomorrow"' },
      { path: 'data', message: 'must be an object, not an array' },
      { path: 'maxTeamSize', message: 'must be at most 10, not 11' },
      { path: 'allowPartial', message: 'must be a boolean, not "yes"' },
      { path: 'maxAttempts', message: 'must be a whole number, not 1.5' },
      { path: 'timeoutMs', message: 'must be at least 100, not 99' },
      { path: 'rules.0.severity', message: 'must be one of "warn", "reject", not "maybe"' },
      { path: 'ticket', message: 'is not a known field' },
    ]);
    expect(answer.body.detail).toBe('type is required. 10 more under "errors".');
  });

  test('is listed for at most 50 fields', async () => {
    market = await fakeMarket();
    const unknown = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`field${index}`, 1]));
    const answer = await ask(market, 'POST', '/v1/tasks', { body: { type: 'a', ...unknown } });
    expect(answer.body.errors).toHaveLength(50);
    expect(answer.body.detail).toContain('59 more');
  });

  test.each([
    ['is no JSON', '{"type":'],
    ['holds a NUL', '{"type":"a","data":{"x":"\\u0000"}}'],
    ['holds a NUL in a name', '{"type":"a","data":{"\\u0000":1}}'],
    ['holds a lone surrogate', '{"type":"a","data":{"x":"\\ud800"}}'],
    ['holds a number that no double holds', '{"type":"a","data":{"x":1e999}}'],
    ['has a member __proto__', '{"type":"a","data":{"__proto__":{"admin":true}}}'],
    ['has a member constructor.prototype', '{"type":"a","data":{"constructor":{"prototype":{}}}}'],
    ['is nested in 100 000 levels', `{"type":"a","data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['is an array', '[]'],
    ['is null', 'null'],
    ['is empty', ''],
  ])('is 400 where it %s', async (_what, raw) => {
    market = await fakeMarket();
    expectProblem(await post(raw), 400, 'INVALID_REQUEST');
    expect(market.submitted).toHaveLength(0);
  });

  test.each([
    ['a pair of surrogates written as escapes', '{"type":"a","data":{"x":"\\ud83d\\ude00"}}'],
    ['a backslash before what would be an escape', '{"type":"a","data":{"x":"\\\\u0000"}}'],
    ['a member named constructor', '{"type":"a","data":{"constructor":"x"}}'],
  ])('is nothing for %s', async (_what, raw) => {
    market = await fakeMarket();
    expect((await post(raw)).status).toBe(202);
    expect(market.submitted[0]?.submission.data).toStrictEqual((JSON.parse(raw) as { data: unknown }).data);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'application/jsonx'])(
    'is 415 for %s',
    async (type) => {
      market = await fakeMarket();
      expectProblem(await post('{"type":"a"}', { 'content-type': type }), 415, 'UNSUPPORTED_MEDIA_TYPE');
    },
  );

  test('is 413 for one byte over 1 MiB, and not for 1 MiB', async () => {
    market = await fakeMarket();
    const padded = (bytes: number) => `{"type":"a"${' '.repeat(bytes - '{"type":"a"}'.length)}}`;
    expect((await post(padded(1_048_576))).status).toBe(202);
    expectProblem(await post(padded(1_048_577)), 413, 'PAYLOAD_TOO_LARGE');
  });
});

describe('what is wrong with an address', () => {
  test.each([
    ['?limit=0', 'limit'],
    ['?limit=201', 'limit'],
    ['?limit=many', 'limit'],
    ['?limit=1.5', 'limit'],
    ['?limit=1&limit=2', 'limit'],
    ['?status=lost', 'status'],
    ['?colour=red', 'colour'],
    ['?cursor=%00', ''],
  ])('is 400 for GET /v1/tasks%s', async (query, path) => {
    market = await fakeMarket();
    const answer = await ask(market, 'GET', `/v1/tasks${query}`);
    expectProblem(answer, 400, 'INVALID_REQUEST');
    expect(answer.body.errors).toMatchObject([{ path }]);
  });

  test.each(['after', 'cursor'])('is 400 for events after a seq that no store holds, named by %s', async (name) => {
    market = await fakeMarket();
    const url = `/v1/tasks/01890a5d-ac96-774b-bcce-b302099a8057/events?${name}=`;
    expectProblem(await ask(market, 'GET', `${url}2147483648`), 400, 'INVALID_REQUEST');
    expectProblem(await ask(market, 'GET', `${url}2147483647`), 404, 'NOT_FOUND');
  });

  test.each([
    ['GET', '/v1/nothing'],
    ['PUT', '/v1/tasks'],
    ['GET', `/v1/tasks/${'a'.repeat(2_000)}`],
  ] as const)('is 404 for %s %.30s', async (method, url) => {
    market = await fakeMarket();
    expectProblem(await ask(market, method, url), 404, 'NOT_FOUND');
  });

  test('is 400 where it is not percent-encoded UTF-8', async () => {
    market = await fakeMarket();
    expectProblem(await ask(market, 'GET', '/v1/tasks/%ff'), 400, 'INVALID_REQUEST');
  });

  test('is a problem document also where it is not HTTP', async () => {
    market = await fakeMarket();
    await market.app.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect((market.app.server.address() as AddressInfo).port, '127.0.0.1');
    socket.write('HELLO\r\n\r\n');
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*\r\nContent-Type: application\/problem\+json\r\n/);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 'INVALID_REQUEST', status: 400 });
  });
});

describe('what is wrong inside', () => {
  async function failingWith(error: Error): Promise<Answer> {
    market = await fakeMarket({
      change: (services) => {
        services.tasks.list = () => Promise.reject(error);
      },
    });
    return ask(market, 'GET', '/v1/tasks');
  }
  const withCode = (message: string, code: string) => Object.assign(new Error(message), { code });

  test.each([
    withCode('connect ECONNREFUSED 10.0.0.7:5432', 'ECONNREFUSED'),
    withCode('read ECONNRESET', 'ECONNRESET'),
    withCode('terminating connection due to administrator command', '57P01'),
    withCode('the database system is starting up', '57P03'),
    withCode('connection_failure', '08006'),
    withCode('sorry, too many clients already', '53300'),
    withCode('canceling statement due to statement timeout', '57014'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Connection terminated unexpectedly'),
    new Error('Query read timeout'),
    new AggregateError([withCode('connect ECONNREFUSED ::1:5432', 'ECONNREFUSED')]),
    new Error('the transaction failed', { cause: withCode('no', '08P01') }),
  ])('is 503 UNAVAILABLE with Retry-After where a store does not answer: %s', async (error) => {
    const answer = await failingWith(error);
    expectProblem(answer, 503, 'UNAVAILABLE');
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.text).not.toMatch(/ECONN|10\.0\.0\.7|postgres|terminat/i);
  });

  test.each([
    new Error('secret detail'),
    withCode('duplicate key value violates unique constraint "secret detail"', '23505'),
    withCode('ENOENT: no such file, open secret detail', 'ENOENT'),
    Object.assign(new Error('secret detail'), { statusCode: 418 }),
  ])('is 500 INTERNAL without a word of it, and in the log with all of it: %s', async (error) => {
    const answer = await failingWith(error);
    expectProblem(answer, 500, 'INTERNAL');
    expect(answer.text).not.toContain('secret');
    expect(JSON.stringify(market.log)).toContain('secret detail');
  });
});

describe('too much', () => {
  test('the request after the last one allowed in a minute is 429 with Retry-After, for this key and no other', async () => {
    market = await fakeMarket({ limits: { requestsPerMinute: 2 } });
    for (const status of [200, 200]) expect((await ask(market, 'GET', '/v1/tasks')).status).toBe(status);
    const answer = await ask(market, 'GET', '/v1/skills');
    expectProblem(answer, 429, 'RATE_LIMITED');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask(market, 'GET', '/v1/tasks', { token: TOKENS.bob })).status).toBe(200);
    expect((await ask(market, 'GET', '/healthz')).status).toBe(200);
  });

  test('a request while the event loop is further behind than allowed is 503 OVERLOADED, and /healthz still answers', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    market = await fakeMarket({ limits: { eventLoopDelayMs: 0.001 } });
    for (const until = performance.now() + 50; performance.now() < until;);
    // and looked at once a second
    vi.advanceTimersByTime(1_000);
    vi.useRealTimers();
    const answer = await ask(market, 'GET', '/v1/tasks');
    expectProblem(answer, 503, 'OVERLOADED');
    expect(answer.headers['retry-after']).toBe('1');
    expect((await ask(market, 'GET', '/healthz')).status).toBe(200);
  });

  test('a submission while the market has too much to do is refused before it is stored; everything else goes on', async () => {
    const refusal = { code: 'OVERLOADED' as 'OVERLOADED' | 'RATE_LIMITED' };
    const reserve = () => {
      throw new MarketError(refusal.code, 'The market has 5 open tasks.', { retryAfterSeconds: 2 });
    };
    market = await fakeMarket({ gate: { reserve } });
    for (const [code, status] of [
      ['OVERLOADED', 503],
      ['RATE_LIMITED', 429],
    ] as const) {
      refusal.code = code;
      const answer = await ask(market, 'POST', '/v1/tasks', { body: { type: 'a' } });
      expectProblem(answer, status, code);
      expect(answer.headers['retry-after']).toBe('2');
    }
    expect(market.submitted).toHaveLength(0);
    expect((await ask(market, 'GET', '/v1/tasks')).status).toBe(200);
  });

  test('a submission that makes no new task gives its place back', async () => {
    let taken = 0;
    market = await fakeMarket({
      gate: {
        reserve: () => {
          taken += 1;
          return () => (taken -= 1);
        },
      },
    });
    const headers = { 'idempotency-key': 'k' };
    for (const [type, steps] of [['a'], ['a'], ['b'], ['c', [{ id: 's', skills: ['seo'] }]]] as const) {
      await ask(market, 'POST', '/v1/tasks', { body: { type, ...(steps && { steps }) }, headers });
      expect(taken).toBe(1);
    }
  });

  test('of readiness, asked by many at once without a key, costs the stores one look', async () => {
    const { promise, resolve } = Promise.withResolvers<Record<string, null>>();
    const check = vi.fn(() => promise);
    market = await fakeMarket({ change: (services) => (services.readiness.check = check) });
    const answers = Array.from({ length: 50 }, () => ask(market, 'GET', '/readyz', { token: null }));
    await vi.waitFor(() => expect(check).toHaveBeenCalled());
    resolve({ postgres: null });
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
    expect(check).toHaveBeenCalledTimes(1);
  });

  test('guesses at keys from one address are 401 up to the limit and 429 after it, and a true key still works', async () => {
    market = await fakeMarket({ limits: { failedAuthenticationsPerMinute: 2 } });
    for (const status of [401, 401, 429]) {
      expect((await ask(market, 'GET', '/v1/tasks', { token: 'sb_guess' })).status).toBe(status);
    }
    expect((await ask(market, 'GET', '/v1/tasks')).status).toBe(200);
  });
});
