import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createOperationsServer } from '../../src/api/index.ts';
import type { TaskEvent } from '../../src/contracts/events.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { ask, fakeMarket, TOKENS, type FakeMarket } from './fake-market.ts';

let market: FakeMarket;
beforeEach(async () => {
  market = await fakeMarket();
});
afterEach(async () => {
  await market.app.close();
});

async function submitted(token: string = TOKENS.ada): Promise<string> {
  const { body } = await ask(market, 'POST', '/v1/tasks', { token, body: { type: 'campaign' } });
  return String(body.id);
}

const steps = (count: number, data?: object) =>
  Array.from({ length: count }, (_, at) => ({
    id: `s${at}`,
    skills: ['seo'],
    ...(data === undefined ? {} : { data }),
  }));

const reviewed = (maxIterations: number) => [
  { id: 'draft', skills: ['seo'] },
  { id: 'check', skills: ['seo'], dependsOn: ['draft'], review: { of: 'draft', until: 'true', maxIterations } },
];

describe('POST /v1/tasks', () => {
  test('answers 202 with the task as body and its address as Location', async () => {
    const answer = await ask(market, 'POST', '/v1/tasks', {
      body: { type: 'Campaign', requiredSkills: ['SEO', 'seo'] },
    });
    expect(answer.status).toBe(202);
    expect(answer.headers.location).toBe(`/v1/tasks/${String(answer.body.id)}`);
    expect(answer.body).toMatchObject({
      type: 'campaign',
      requiredSkills: ['seo'],
      status: 'accepted',
      ownerId: 'ada',
    });
  });

  test('fills in the defaults: no skills, normal priority, 3 attempts, 30 000 ms of bidding, 60 000 ms for an attempt', async () => {
    await ask(market, 'POST', '/v1/tasks', { body: { type: 'campaign' } });
    expect(market.submitted[0]?.submission).toStrictEqual({
      type: 'campaign',
      requiredSkills: [],
      priority: 'normal',
      data: {},
      allowPartial: false,
      maxAttempts: 3,
      biddingTimeMs: 30_000,
      timeoutMs: 60_000,
    });
  });

  test('answers 202 with the same task to the same key and body, and 422 to another body', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await ask(market, 'POST', '/v1/tasks', { headers, body: { type: 'campaign' } });
    const again = await ask(market, 'POST', '/v1/tasks', { headers, body: { type: 'campaign' } });
    const other = await ask(market, 'POST', '/v1/tasks', { headers, body: { type: 'report' } });
    expect(again.status).toBe(202);
    expect(again.headers.location).toBe(first.headers.location);
    expect(again.body).toStrictEqual(first.body);
    expect(other).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  });

  test.each([
    ['255 printable characters', 'k'.repeat(255), 202],
    ['256 characters', 'k'.repeat(256), 400],
    ['a character that is not printable ASCII', 'caf\u00e9', 400],
    ['an empty key', '', 400],
  ])('takes an idempotency key of %s as %s says', async (_what, key, status) => {
    const answer = await ask(market, 'POST', '/v1/tasks', {
      headers: { 'idempotency-key': key },
      body: { type: 'campaign' },
    });
    expect(answer.status).toBe(status);
  });

  test.each([
    ['64 steps', { steps: steps(64) }, 202],
    ['65 steps', { steps: steps(65) }, 400],
    ['a step without an id', { steps: [{ skills: ['seo'] }] }, 400],
    ['a step with an unknown member', { steps: [{ id: 'a', skills: ['seo'], after: 'b' }] }, 400],
    ['10 iterations of a review', { steps: reviewed(10) }, 202],
    ['11 iterations of a review', { steps: reviewed(11) }, 400],
    ['a switch without a case', { steps: [{ id: 'a', skills: [], switch: { on: '1', cases: {} } }] }, 400],
    ['262 145 bytes of data over two steps', { steps: steps(2, { text: 'x'.repeat(131_060) }) }, 400],
  ])('takes %s with %s', async (_what, more, status) => {
    expect((await ask(market, 'POST', '/v1/tasks', { body: { type: 'campaign', ...more } })).status).toBe(status);
  });

  test('takes data of exactly 262 144 bytes as JSON and refuses one byte more', async () => {
    const data = { text: 'x'.repeat(262_144 - '{"text":""}'.length) };
    const over = { text: `${data.text}x` };
    expect((await ask(market, 'POST', '/v1/tasks', { body: { type: 'campaign', data } })).status).toBe(202);
    const refused = await ask(market, 'POST', '/v1/tasks', { body: { type: 'campaign', data: over } });
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ path: 'data' }] } });
  });
});

describe('reading tasks', () => {
  test('lists only own tasks to a submitter and all to an admin', async () => {
    const mine = await submitted(TOKENS.ada);
    const theirs = await submitted(TOKENS.bob);
    const own = await ask(market, 'GET', '/v1/tasks');
    const all = await ask(market, 'GET', '/v1/tasks', { token: TOKENS.admin });
    expect((own.body.items as { id: string }[]).map((task) => task.id)).toStrictEqual([mine]);
    expect((all.body.items as { id: string }[]).map((task) => task.id)).toStrictEqual([mine, theirs]);
    expect(own.body.nextCursor).toBeNull();
  });

  test.each([
    ['GET', ''],
    ['GET', '/events'],
    ['GET', '/award'],
    ['GET', '/messages'],
    ['POST', '/cancel'],
    ['POST', '/feedback', { quality: 1 }],
    ['POST', '/decision', { decision: 'approve' }],
  ] as const)(
    'answers %s …%s alike for a task of another owner, one that is not there, and no id at all',
    async (method, path, body?: object) => {
      const foreign = await submitted(TOKENS.bob);
      const answers = await Promise.all(
        [foreign, '01890a5d-ac96-774b-bcce-b302099a8057', 'no-uuid', '%00', 'a'.repeat(90)].map((id) =>
          ask(market, method, `/v1/tasks/${id}${path}`, { body }),
        ),
      );
      for (const answer of answers) {
        expect(answer.status).toBe(404);
        expect(answer.body).toStrictEqual(answers[0]?.body);
      }
      expect(answers[0]?.body.code).toBe('NOT_FOUND');
    },
  );

  test('finds a task by its id in upper case', async () => {
    const id = await submitted();
    expect((await ask(market, 'GET', `/v1/tasks/${id.toUpperCase()}`)).body.id).toBe(id);
  });

  test('pages through events by after and by nextCursor, and ends with a null cursor on a page that is exactly full', async () => {
    const id = await submitted();
    market.events.set(id, events(id, 4));
    const first = await ask(market, 'GET', `/v1/tasks/${id}/events?limit=2`);
    expect(seqs(first.body)).toStrictEqual([1, 2]);
    expect(first.body.nextCursor).toBe('2');
    const byCursor = await ask(market, 'GET', `/v1/tasks/${id}/events?limit=2&cursor=2`);
    const byAfter = await ask(market, 'GET', `/v1/tasks/${id}/events?limit=2&after=2`);
    expect(byCursor.body).toStrictEqual(byAfter.body);
    expect(seqs(byAfter.body)).toStrictEqual([3, 4]);
    expect(byAfter.body.nextCursor).toBeNull();
  });
});

describe('changing tasks', () => {
  test('cancels with 202, also with an empty JSON body, and answers 409 for a task that has ended', async () => {
    const id = await submitted();
    const headers = { 'content-type': 'application/json' };
    expect(await ask(market, 'POST', `/v1/tasks/${id}/cancel`, { headers })).toMatchObject({
      status: 202,
      body: { id, status: 'cancelled' },
    });
    expect(await ask(market, 'POST', `/v1/tasks/${id}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'CONFLICT' },
    });
  });

  test.each([
    [0, 200],
    [100, 200],
    [-0.1, 400],
    [100.1, 400],
  ])('takes feedback of quality %d with %d', async (quality, status) => {
    const id = await submitted();
    expect((await ask(market, 'POST', `/v1/tasks/${id}/feedback`, { body: { quality } })).status).toBe(status);
  });

  test.each([
    [{ decision: 'approve' }, 200],
    [{ decision: 'choose', choice: 'again', note: 'once more', subtaskId: 'x-0' }, 200],
    [{ decision: 'maybe' }, 400],
    [{}, 400],
    [{ decision: 'approve', by: 'me' }, 400],
  ])('takes the decision %j with %d', async (body, status) => {
    const id = await submitted();
    expect((await ask(market, 'POST', `/v1/tasks/${id}/decision`, { body })).status).toBe(status);
  });

  test('lists the messages of a task', async () => {
    const id = await submitted();
    const answer = await ask(market, 'GET', `/v1/tasks/${id}/messages`);
    expect(answer).toMatchObject({ status: 200, body: { items: [{ from: 'finance', to: null, topic: 'news' }] } });
  });
});

describe('skills and agents', () => {
  test('records a skill under the id of the path, folded', async () => {
    const answer = await ask(market, 'PUT', '/v1/skills/SEO', { token: TOKENS.admin, body: { description: 'd' } });
    expect(answer).toMatchObject({ status: 200, body: { id: 'seo', description: 'd', checks: [] } });
  });

  test('says what is wrong with the id of a skill to be made, as there is nothing to be found', async () => {
    const answer = await ask(market, 'PUT', '/v1/skills/-seo', { token: TOKENS.admin, body: {} });
    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST', errors: [{ path: 'id' }] } });
  });

  test('registers an agent with 201 and Location, and answers 409 for an id that is taken', async () => {
    const body = { id: 'writer', skills: ['copy'] };
    const answer = await ask(market, 'POST', '/v1/agents', { token: TOKENS.admin, body });
    expect(answer).toMatchObject({ status: 201, headers: { location: '/v1/agents/writer' } });
    const taken = await ask(market, 'POST', '/v1/agents', { token: TOKENS.admin, body: { ...body, id: 'finance' } });
    expect(taken).toMatchObject({ status: 409, body: { code: 'CONFLICT' } });
  });

  test('retires an agent with 204 and no body', async () => {
    const answer = await ask(market, 'DELETE', '/v1/agents/finance', { token: TOKENS.admin });
    expect(answer).toMatchObject({ status: 204, text: '' });
  });

  test('refuses a change of an agent that changes nothing', async () => {
    const answer = await ask(market, 'PATCH', '/v1/agents/finance', { token: TOKENS.admin, body: {} });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: '', message: 'must change something' }] } });
  });

  test('takes from and to as instants with a zone, and refuses to before from', async () => {
    const url = '/v1/agents/finance/reputation';
    const early = '2026-11-20T00:00:00Z';
    const late = '2026-11-21T00:00:00%2B01:00';
    expect((await ask(market, 'GET', `${url}?from=${early}&to=${late}`)).status).toBe(200);
    expect((await ask(market, 'GET', `${url}?from=${late}&to=${early}`)).body.errors).toStrictEqual([
      { path: 'to', message: 'must not be before from' },
    ]);
    expect((await ask(market, 'GET', `${url}?from=2026-11-20`)).status).toBe(400);
  });
});

describe('admin', () => {
  test.each([
    ['7d', 604_800_000],
    ['1h', 3_600_000],
    ['30m', 1_800_000],
    ['90s', 90_000],
    ['500ms', 500],
    ['100ms', 100],
    ['90d', 7_776_000_000],
  ])('reads a window of %s as %d ms', async (window, windowMs) => {
    const answer = await ask(market, 'GET', `/v1/admin/stats?window=${window}`, { token: TOKENS.admin });
    expect(answer.body.windowMs).toBe(windowMs);
  });

  test.each(['99ms', '91d', '2161h', '1', 'h', '-1h', '1.5h', '1 h', '1w', ''])(
    'refuses a window of "%s"',
    async (window) => {
      const answer = await ask(market, 'GET', `/v1/admin/stats?window=${window}`, { token: TOKENS.admin });
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'window' }] } });
    },
  );

  test('takes 7d for movers and 1h for stats where no window is given', async () => {
    const movers = await ask(market, 'GET', '/v1/admin/reputation/movers', { token: TOKENS.admin });
    const stats = await ask(market, 'GET', '/v1/admin/stats', { token: TOKENS.admin });
    expect([movers.body.windowMs, stats.body.windowMs]).toStrictEqual([604_800_000, 3_600_000]);
  });

  test('shows a key once, with 201, and revokes with 204', async () => {
    const created = await ask(market, 'POST', '/v1/admin/keys', { token: TOKENS.admin, body: { role: 'submitter' } });
    expect(created).toMatchObject({ status: 201, body: { key: 'sb_new' }, headers: { 'cache-control': 'no-store' } });
    const listed = await ask(market, 'GET', '/v1/admin/keys', { token: TOKENS.admin });
    expect(listed.text).not.toContain('sb_');
    expect((await ask(market, 'DELETE', '/v1/admin/keys/k1', { token: TOKENS.admin })).status).toBe(204);
    expect((await ask(market, 'DELETE', '/v1/admin/keys/k2', { token: TOKENS.admin })).status).toBe(404);
  });
});

describe('operations', () => {
  test('/healthz answers without a key', async () => {
    const answer = await ask(market, 'GET', '/healthz', { token: null });
    expect(answer).toMatchObject({ status: 200, body: { status: 'ok', version: '1.2.3' } });
  });

  test('/readyz answers 200 while every store answers', async () => {
    const answer = await ask(market, 'GET', '/readyz', { token: null });
    expect(answer).toMatchObject({ status: 200, body: { status: 'ready', checks: { postgres: 'ok', redis: 'ok' } } });
  });

  test('/readyz answers 503 with the failing part named, and keeps why to the log', async () => {
    market.services.readiness.check = async () => ({ postgres: 'connect ECONNREFUSED 10.0.0.7:5432', redis: null });
    const answer = await ask(market, 'GET', '/readyz', { token: null });
    expect(answer).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: { code: 'UNAVAILABLE', checks: { postgres: 'failing', redis: 'ok' } },
    });
    expect(answer.body.detail).toContain('postgres');
    expect(answer.text).not.toContain('10.0.0.7');
    expect(JSON.stringify(market.log)).toContain('10.0.0.7');
  });

  test('/metrics counts requests by route and status, never by the address asked for', async () => {
    await ask(market, 'GET', '/v1/tasks/01890a5d-ac96-774b-bcce-b302099a8057');
    const { text } = await ask(market, 'GET', '/metrics', { token: null });
    expect(text).toContain('swarmbid_http_request_seconds_count{method="GET",route="/v1/tasks/:id",status="404"} 1');
    expect(text).not.toContain('01890a5d');
  });

  test('a process without the role api serves health and metrics, and nothing of the market', async () => {
    const { readiness } = market.services;
    const deps = {
      services: { readiness },
      logger: createLogger('silent'),
      metrics: createMetrics(),
      version: '1.2.3',
    };
    const app = await createOperationsServer(deps);
    const status = async (url: string) => (await app.inject(url)).statusCode;
    for (const url of ['/healthz', '/readyz', '/metrics', '/openapi.json']) expect(await status(url), url).toBe(200);
    expect(await status('/v1/tasks')).toBe(404);
    await app.close();
  });

  test('/docs serves its page and scripts under a policy that runs no foreign or inline script', async () => {
    const page = await ask(market, 'GET', '/docs', { token: null });
    const policy = String(page.headers['content-security-policy']);
    const sources = [...page.text.matchAll(/<script src="([^"]+)"/g)].map(([, source]) => String(source));
    expect(policy).toContain("script-src 'self';");
    expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)/);
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) expect((await ask(market, 'GET', source, { token: null })).status).toBe(200);
  });
});

function events(taskId: string, count: number): TaskEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    seq: index + 1,
    taskId,
    type: 'subtask.progress',
    at: '2026-11-21T10:00:00.000Z',
    data: {},
  }));
}

function seqs(body: Record<string, unknown>): number[] {
  return (body.items as TaskEvent[]).map((event) => event.seq);
}
