import { fastify } from 'fastify';
import { afterEach, describe, expect, test } from 'vitest';
import { demandRoles } from '../../src/api/authentication.ts';
import { ask, fakeMarket, TOKENS, type FakeMarket } from './fake-market.ts';

let market: FakeMarket;
afterEach(async () => {
  await market.app.close();
});

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const MEMORY = '01890a5d-ac96-774b-bcce-b302099a8058';

/** Every route of the market, with who may use it. */
const ROUTES = [
  ['POST', '/v1/tasks', 'submitter'],
  ['GET', '/v1/tasks', 'submitter'],
  ['GET', `/v1/tasks/${ID}`, 'submitter'],
  ['GET', `/v1/tasks/${ID}/events`, 'submitter'],
  ['GET', `/v1/tasks/${ID}/award`, 'submitter'],
  ['POST', `/v1/tasks/${ID}/cancel`, 'submitter'],
  ['POST', `/v1/tasks/${ID}/feedback`, 'submitter'],
  ['POST', `/v1/tasks/${ID}/decision`, 'submitter'],
  ['GET', '/v1/skills', 'submitter'],
  ['PUT', '/v1/skills/seo', 'admin'],
  ['GET', '/v1/tools', 'submitter'],
  ['GET', '/v1/tools/seo/versions', 'submitter'],
  ['PUT', '/v1/tools/seo', 'admin'],
  ['DELETE', '/v1/tools/seo', 'admin'],
  ['GET', `/v1/tasks/${ID}/handoffs`, 'submitter'],
  ['GET', '/v1/agents/finance/memories', 'submitter'],
  ['DELETE', '/v1/agents/finance/memories', 'submitter'],
  ['DELETE', `/v1/agents/finance/memories/${MEMORY}`, 'submitter'],
  ['GET', '/v1/admin/handoffs', 'admin'],
  ['GET', '/v1/agents', 'submitter'],
  ['GET', '/v1/agents/finance', 'submitter'],
  ['GET', '/v1/agents/finance/reputation', 'submitter'],
  ['POST', '/v1/agents', 'admin'],
  ['PATCH', '/v1/agents/finance', 'admin'],
  ['DELETE', '/v1/agents/finance', 'admin'],
  ['GET', '/v1/admin/reputation/leaderboard', 'admin'],
  ['GET', '/v1/admin/reputation/tiers', 'admin'],
  ['GET', '/v1/admin/reputation/movers', 'admin'],
  ['GET', '/v1/admin/stats', 'admin'],
  ['GET', '/v1/admin/audit', 'admin'],
  ['POST', '/v1/admin/keys', 'admin'],
  ['GET', '/v1/admin/keys', 'admin'],
  ['DELETE', '/v1/admin/keys/k1', 'admin'],
] as const;

const REFUSED = [401, 403];

describe('who may use what', () => {
  test('the table above names every route that is registered', async () => {
    market = await fakeMarket();
    const document = (await ask(market, 'GET', '/openapi.json')).body as { paths: Record<string, object> };
    const registered = Object.entries(document.paths).flatMap(([path, operations]) =>
      path.startsWith('/v1') ? Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`) : [],
    );
    const named = ROUTES.map(
      ([method, url]) =>
        `${method} ${url
          .replace(ID, '{id}')
          .replace(MEMORY, '{memoryId}')
          .replace(/(seo|finance|k1)\b/, '{id}')}`,
    );
    expect(named.sort()).toStrictEqual(registered.sort());
  });

  test.each(ROUTES)('%s %s admits %s and above, and nobody else', async (method, url, role) => {
    market = await fakeMarket();
    const status = async (token: string | null) => (await ask(market, method, url, { token })).status;
    expect(await status(null)).toBe(401);
    expect(await status('sb_unknown')).toBe(401);
    expect(await status(TOKENS.outsider)).toBe(403);
    expect(REFUSED.includes(await status(TOKENS.ada))).toBe(role === 'admin');
    expect(REFUSED).not.toContain(await status(TOKENS.admin));
  });

  test.each(['Basic c2I6YQ==', 'Bearer', 'Bearer ', TOKENS.ada, `Bearer ${TOKENS.ada} x`])(
    'an Authorization header of "%s" is 401 with WWW-Authenticate',
    async (authorization) => {
      market = await fakeMarket({ keyless: true });
      const answer = await ask(market, 'GET', '/v1/tasks', { token: null, headers: { authorization } });
      expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    },
  );

  test('the scheme is read without regard to case', async () => {
    market = await fakeMarket();
    const headers = { authorization: `bEARER ${TOKENS.ada}` };
    expect((await ask(market, 'GET', '/v1/tasks', { token: null, headers })).status).toBe(200);
  });

  test('a wrong body from somebody without a key is 401, not 400', async () => {
    market = await fakeMarket();
    expect((await ask(market, 'POST', '/v1/tasks', { token: null, raw: '{' })).status).toBe(401);
  });

  test('a route under /v1 that declares no role cannot be built', () => {
    const app = fastify();
    demandRoles(app);
    expect(() => app.get('/v1/forgotten', () => 'open to all')).toThrow(/GET \/v1\/forgotten declares no role/);
  });
});

describe('while no key is needed', () => {
  test.each([
    [{ host: '127.0.0.1:3000' }, 200],
    [{ host: 'localhost' }, 200],
    [{ host: '[::1]:3000' }, 200],
    [{ host: 'localhost:3000', origin: 'http://localhost:5173' }, 200],
    [{ host: 'rebound.example' }, 403],
    [{ host: '127.0.0.1.example' }, 403],
    [{ host: 'localhost', origin: 'https://page.example' }, 403],
    [{ host: 'localhost', origin: 'null' }, 403],
  ])('a request with %o is answered with %d', async (headers, status) => {
    market = await fakeMarket({ keyless: true });
    expect((await ask(market, 'GET', '/v1/admin/keys', { token: null, headers })).status).toBe(status);
  });

  test('a request with a key is answered whatever its Host', async () => {
    market = await fakeMarket({ keyless: true });
    expect((await ask(market, 'GET', '/v1/tasks', { headers: { host: 'market.example' } })).status).toBe(200);
  });
});

test('an answer of the market is neither cached, nor framed, nor read by pages of other origins', async () => {
  market = await fakeMarket();
  const { headers } = await ask(market, 'GET', '/v1/tasks', { headers: { origin: 'https://page.example' } });
  expect(headers).toMatchObject({
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  });
  expect(headers).not.toHaveProperty('access-control-allow-origin');
});
