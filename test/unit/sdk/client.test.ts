import { afterEach, describe, expect, test } from 'vitest';
import { ROUTES } from '../../../src/contracts/permissions.ts';
import { SwarmbidClient, SwarmbidError, type ToolInput } from '../../../src/sdk/index.ts';
import {
  startFakeMarketServer,
  type FakeAnswer,
  type FakeMarketServer,
  type FakeRequest,
} from '../../support/fake-market-server.ts';

let server: FakeMarketServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function clientOf(answer: (request: FakeRequest) => FakeAnswer, token?: string): Promise<SwarmbidClient> {
  server = await startFakeMarketServer(answer);
  return new SwarmbidClient({ url: `${server.url}/`, token });
}

/** Answers in this order, the last one for ever. */
function inTurn(...answers: FakeAnswer[]): () => FakeAnswer {
  let next = 0;
  return () => answers[Math.min(next++, answers.length - 1)] ?? {};
}

async function errorOf(promise: Promise<unknown>): Promise<SwarmbidError> {
  const error: unknown = await promise.then(
    () => new Error('it resolved'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SwarmbidError);
  return error as SwarmbidError;
}

const problem = (status: number, code: string, more: object = {}): FakeAnswer => ({
  status,
  headers: { 'content-type': 'application/problem+json' },
  body: { type: 'about:blank', title: 'Title', status, code, detail: `detail of ${code}`, ...more },
});
const UNAVAILABLE = { ...problem(503, 'UNAVAILABLE'), headers: { 'retry-after': '0' } };
const TASK = { type: 'report' };
const RATE: ToolInput = {
  description: 'the rate of a currency',
  parameters: { type: 'object' },
  call: { kind: 'expression', expression: '1.1' },
  trial: { arguments: {} },
};

async function consumed(pieces: AsyncIterable<string>): Promise<void> {
  for await (const piece of pieces) expect(piece).toBeTypeOf('string');
}

describe('the routes', () => {
  const calls: [string, (client: SwarmbidClient) => Promise<unknown>, string, string, unknown?][] = [
    ['task', (c) => c.task('a/b'), 'GET', '/v1/tasks/a%2Fb'],
    [
      'tasks',
      (c) => c.tasks({ status: 'failed', limit: 5, cursor: undefined }),
      'GET',
      '/v1/tasks?status=failed&limit=5',
    ],
    ['events', (c) => c.events('t', { after: 7 }), 'GET', '/v1/tasks/t/events?after=7'],
    ['award', (c) => c.award('t'), 'GET', '/v1/tasks/t/award'],
    ['cancel', (c) => c.cancel('t'), 'POST', '/v1/tasks/t/cancel'],
    ['feedback', (c) => c.feedback('t', { quality: 80 }), 'POST', '/v1/tasks/t/feedback', { quality: 80 }],
    ['decide', (c) => c.decide('t', { decision: 'approve' }), 'POST', '/v1/tasks/t/decision', { decision: 'approve' }],
    ['skills', (c) => c.skills(), 'GET', '/v1/skills'],
    ['putSkill', (c) => c.putSkill('s', { checks: [] }), 'PUT', '/v1/skills/s', { checks: [] }],
    ['agents', (c) => c.agents({ cursor: 'x y' }), 'GET', '/v1/agents?cursor=x+y'],
    ['agent', (c) => c.agent('a'), 'GET', '/v1/agents/a'],
    [
      'registerAgent',
      (c) => c.registerAgent({ id: 'a', skills: ['s'] }),
      'POST',
      '/v1/agents',
      { id: 'a', skills: ['s'] },
    ],
    ['changeAgent', (c) => c.changeAgent('a', { status: 'draining' }), 'PATCH', '/v1/agents/a', { status: 'draining' }],
    ['retireAgent', (c) => c.retireAgent('a'), 'DELETE', '/v1/agents/a'],
    ['reputation', (c) => c.reputation('a', { from: '2026-01-01' }), 'GET', '/v1/agents/a/reputation?from=2026-01-01'],
    [
      'leaderboard',
      (c) => c.leaderboard({ tier: 'Needs Improvement' }),
      'GET',
      '/v1/admin/reputation/leaderboard?tier=Needs+Improvement',
    ],
    ['tiers', (c) => c.tiers(), 'GET', '/v1/admin/reputation/tiers'],
    ['movers', (c) => c.movers({ window: '7d' }), 'GET', '/v1/admin/reputation/movers?window=7d'],
    ['stats', (c) => c.stats({ window: '1h' }), 'GET', '/v1/admin/stats?window=1h'],
    ['series', (c) => c.series({ buckets: 5 }), 'GET', '/v1/admin/stats/series?buckets=5'],
    ['audit', (c) => c.audit(), 'GET', '/v1/admin/audit'],
    ['createKey', (c) => c.createKey({ role: 'admin' }), 'POST', '/v1/admin/keys', { role: 'admin' }],
    ['keys', (c) => c.keys(), 'GET', '/v1/admin/keys'],
    ['revokeKey', (c) => c.revokeKey('k'), 'DELETE', '/v1/admin/keys/k'],
    ['submit', (c) => c.submit(TASK), 'POST', '/v1/tasks', TASK],
    ['messages', (c) => c.messages('t'), 'GET', '/v1/tasks/t/messages'],
    ['handoffs', (c) => c.handoffs('t', { limit: 2 }), 'GET', '/v1/tasks/t/handoffs?limit=2'],
    ['handoffReport', (c) => c.handoffReport({ window: '1h' }), 'GET', '/v1/admin/handoffs?window=1h'],
    ['tools', (c) => c.tools(), 'GET', '/v1/tools'],
    ['toolVersions', (c) => c.toolVersions('rate'), 'GET', '/v1/tools/rate/versions'],
    ['putTool', (c) => c.putTool('rate', RATE), 'PUT', '/v1/tools/rate', RATE],
    ['withdrawTool', (c) => c.withdrawTool('rate'), 'DELETE', '/v1/tools/rate'],
    ['memories', (c) => c.memories('a'), 'GET', '/v1/agents/a/memories'],
    ['forget all', (c) => c.forget('a'), 'DELETE', '/v1/agents/a/memories'],
    ['forget one', (c) => c.forget('a', 'm'), 'DELETE', '/v1/agents/a/memories/m'],
    ['exportOwner', (c) => consumed(c.exportOwner('o')), 'GET', '/v1/admin/owners/o/export'],
    ['deleteOwnerData', (c) => c.deleteOwnerData('o'), 'DELETE', '/v1/admin/owners/o/data'],
    ['readiness', (c) => c.readiness(), 'GET', '/readyz'],
    ['health', (c) => c.health(), 'GET', '/healthz'],
    ['metrics', (c) => c.metrics(), 'GET', '/metrics'],
    ['openapi', (c) => c.openapi(), 'GET', '/openapi.json'],
  ];

  test.each(calls)(
    '%s asks its route, with ids and queries encoded and the key as a bearer token',
    async (_name, call, method, path, body) => {
      const client = await clientOf(() => ({ body: { items: [] } }), 'sb_secret');
      await call(client);
      expect(server?.requests).toMatchObject([{ method, path, headers: { authorization: 'Bearer sb_secret' } }]);
      expect(server?.requests[0]?.body).toEqual(body);
    },
  );

  test('each route that is no page for people is asked by one of these', () => {
    const pages = new Set(['GET /', 'GET /assets/*', 'GET /docs', 'GET /docs/*', 'OPTIONS *']);
    const isPage = (route: string) => pages.has(route) || route.startsWith('GET /admin/queues');
    const asked = calls.map(([, , method, path]) => `${method} ${path.split('?')[0]}`);
    const unasked = Object.keys(ROUTES).filter((route) => {
      const pattern = new RegExp(`^${route.replaceAll(/:\w+/g, '[^/]+')}$`);
      return !isPage(route) && !asked.some((one) => pattern.test(one));
    });
    expect(unasked).toEqual([]);
  });

  test('a delete that answers 204 without a body resolves', async () => {
    const client = await clientOf(() => ({ status: 204, body: '' }));
    await expect(client.retireAgent('a')).resolves.toBeUndefined();
  });

  test('without a key no authorization is sent', async () => {
    const client = await clientOf(() => ({ body: {} }));
    await client.task('t');
    expect(server?.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test('a server that is not ready is an answer, not an error', async () => {
    const client = await clientOf(() => ({ status: 503, body: { postgres: 'timeout' } }));
    await expect(client.readiness()).resolves.toEqual({ ready: false, details: { postgres: 'timeout' } });
  });
});

describe('errors', () => {
  test('a problem document becomes its code, status, detail and faulty fields', async () => {
    const errors = [{ path: 'requiredSkills.0', message: 'must be a slug' }];
    const client = await clientOf(() => problem(400, 'INVALID_REQUEST', { errors }));
    const error = await errorOf(client.submit(TASK));
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', status: 400, detail: 'detail of INVALID_REQUEST', errors });
  });

  test('an answer of a proxy, without a problem document, is UNEXPECTED_RESPONSE with its status', async () => {
    const client = await clientOf(() => ({ status: 502, body: '<html>Bad gateway</html>' }));
    expect(await errorOf(client.task('t'))).toMatchObject({ code: 'UNEXPECTED_RESPONSE', status: 502 });
  });

  test('a 200 that is not JSON is UNEXPECTED_RESPONSE', async () => {
    const client = await clientOf(() => ({ body: '<html>Hello</html>' }));
    expect(await errorOf(client.task('t'))).toMatchObject({ code: 'UNEXPECTED_RESPONSE', status: 200 });
  });

  test('nobody listening is UNREACHABLE, without a status, and names the address', async () => {
    const client = await clientOf(() => ({}));
    await server?.close();
    const error = await errorOf(client.task('t'));
    expect(error).toMatchObject({ code: 'UNREACHABLE', status: null });
    expect(error.detail).toContain(client.url);
  });

  test('no answer within timeoutMs is UNREACHABLE', async () => {
    const client = new SwarmbidClient({
      url: 'http://market.invalid',
      timeoutMs: 5,
      fetch: (_url, { signal }) =>
        new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => {
            reject(signal.reason as Error);
          }),
        ),
    });
    expect(await errorOf(client.task('t'))).toMatchObject({ code: 'UNREACHABLE' });
  });

  test("an abort by the caller's signal rejects with that signal's reason", async () => {
    const client = await clientOf(() => ({}));
    const reason = new Error('changed my mind');
    await expect(client.task('t', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('submit', () => {
  test('sends a random idempotency key, another one for each call', async () => {
    const client = await clientOf(() => ({ status: 202, body: { id: 't' } }));
    await client.submit(TASK);
    await client.submit(TASK);
    const keys = server?.requests.map((request) => request.headers['idempotency-key']);
    expect(new Set(keys).size).toBe(2);
    expect(keys).not.toContain(undefined);
  });

  test('sends the idempotency key that it is given', async () => {
    const client = await clientOf(() => ({ status: 202, body: { id: 't' } }));
    await client.submit(TASK, { idempotencyKey: 'order-1' });
    expect(server?.requests[0]?.headers['idempotency-key']).toBe('order-1');
  });

  test.each([
    ['a 503 with Retry-After', UNAVAILABLE],
    ['a connection broken off without an answer', { breakOff: true }],
  ])('%s twice, then 202: resolves to the task, and all three tries carry one key', async (_name, failure) => {
    const client = await clientOf(inTurn(failure, failure, { status: 202, body: { id: 't' } }));
    await expect(client.submit(TASK)).resolves.toEqual({ id: 't' });
    expect(server?.requests).toHaveLength(3);
    expect(new Set(server?.requests.map((request) => request.headers['idempotency-key'])).size).toBe(1);
  });

  test('gives up after the third 503', async () => {
    const client = await clientOf(inTurn(UNAVAILABLE));
    expect(await errorOf(client.submit(TASK))).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    expect(server?.requests).toHaveLength(3);
  });

  test('a refusal of the task itself is not tried again', async () => {
    const client = await clientOf(inTurn(problem(422, 'IDEMPOTENCY_KEY_REUSED')));
    expect(await errorOf(client.submit(TASK))).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(server?.requests).toHaveLength(1);
  });

  test('an abort while it waits to try again rejects with the reason, and no further try is made', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const client = await clientOf(() => {
      setImmediate(() => {
        abort.abort(reason);
      });
      return { ...problem(503, 'OVERLOADED'), headers: { 'retry-after': '10' } };
    });
    await expect(client.submit(TASK, { signal: abort.signal })).rejects.toBe(reason);
    expect(server?.requests).toHaveLength(1);
  });

  test('only submit tries again: a read that gets 503 rejects at once', async () => {
    const client = await clientOf(inTurn(UNAVAILABLE, { body: {} }));
    expect(await errorOf(client.task('t'))).toMatchObject({ code: 'UNAVAILABLE' });
    expect(server?.requests).toHaveLength(1);
  });
});
