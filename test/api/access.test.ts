import { fastify } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { demandPermissions } from '../../src/api/authentication.ts';
import { ROUTES, type Access } from '../../src/contracts/permissions.ts';
import { ask, fakeMarket, TOKENS, type FakeMarket } from './fake-market.ts';

let market: FakeMarket;
afterAll(async () => {
  await market.app.close();
});

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const KNOWN_IDS: Record<string, string> = { tasks: ID, skills: 'seo', agents: 'finance', keys: 'k1' };
/** Pages and files of /docs answer by names of their own; the rest of the table is asked as it stands. */
const ROWS = Object.entries(ROUTES).filter(([name]) => !/^OPTIONS|^GET \/docs/.test(name));
const CALLERS = {
  nobody: null,
  'a wrong key': 'sb_unknown',
  agent: TOKENS.outsider,
  submitter: TOKENS.ada,
  admin: TOKENS.admin,
} as const;

/** The table once more, by hand: what a caller gets of a route that is open to `access`. */
const REFUSALS: Record<Access, Record<keyof typeof CALLERS, 401 | 403 | null>> = {
  anyone: { nobody: null, 'a wrong key': null, agent: null, submitter: null, admin: null },
  submitter: { nobody: 401, 'a wrong key': 401, agent: 403, submitter: null, admin: null },
  admin: { nobody: 401, 'a wrong key': 401, agent: 403, submitter: 403, admin: null },
};

const CELLS = ROWS.flatMap(([name, access]) =>
  (Object.keys(CALLERS) as (keyof typeof CALLERS)[]).map((caller) => [name, caller, access] as const),
);

describe('who may use what', () => {
  beforeAll(async () => {
    market = await fakeMarket();
  });

  test.each(CELLS)('%s from %s: open to %s', async (name, caller, access) => {
    const [method = '', row = ''] = name.split(' ');
    // Of the plugin's routes, one that is there.
    const path = row === '/admin/queues/*' ? '/admin/queues/api/queues' : row;
    const url = path.replace(/(\w+)\/:id/, (_all, noun: string) => `${noun}/${KNOWN_IDS[noun] ?? ''}`);
    const { status } = await ask(market, method as 'GET', url, { token: CALLERS[caller] });
    const refusal = REFUSALS[access][caller];
    if (refusal === null) expect([401, 403, 500]).not.toContain(status);
    else expect(status).toBe(refusal);
  });

  test('the table names no route that is not registered', async () => {
    // What ends in `*` stands for what plugins serve.
    const single = Object.keys(ROUTES).filter((name) => !name.endsWith('*'));
    const missing = single.filter((name) => {
      const [method = '', url = ''] = name.split(' ');
      return !market.app.hasRoute({ method: method, url });
    });
    expect(missing).toStrictEqual([]);
  });

  test('a route that is not in the table cannot be built, wherever it lies', () => {
    for (const url of ['/v1/forgotten', '/forgotten']) {
      const app = fastify();
      demandPermissions(app);
      expect(() => app.get(url, () => 'open to all')).toThrow(`GET ${url} is not in the table`);
    }
  });
});

describe('what says who calls', () => {
  afterEach(async () => {
    await market.app.close();
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
});

describe('while no key is needed', () => {
  afterEach(async () => {
    await market.app.close();
  });

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

/** Of fastify's tree of routes: `GET /v1/tasks`, one for each method but HEAD. */
