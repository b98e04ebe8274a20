import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, fakeMarket, type Answer, type FakeMarket } from './fake-market.ts';

let market: FakeMarket;
beforeAll(async () => {
  market = await fakeMarket();
});
afterAll(async () => {
  await market.app.close();
});

/** Values near the bounds of each field, and values that are none. */
const submission = fc.record(
  {
    type: fc.oneof(fc.stringMatching(/^[a-zA-Z0-9][a-z0-9_-]{0,63}$/), fc.string(), fc.jsonValue()),
    description: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('x'.repeat(32_000), 'x'.repeat(32_001))),
    requiredSkills: fc.oneof(fc.array(fc.constantFrom('seo', 'SEO', 'finance'), { maxLength: 40 }), fc.jsonValue()),
    priority: fc.oneof(fc.constantFrom('low', 'critical'), fc.jsonValue()),
    deadline: fc.oneof(fc.date({ noInvalidDate: true }).map((at) => at.toISOString()), fc.string()),
    data: fc.oneof(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), fc.jsonValue()),
    maxTeamSize: fc.oneof(fc.integer({ min: -1, max: 12 }), fc.double()),
    timeoutMs: fc.oneof(fc.constantFrom(99, 100, 86_400_000, 86_400_001), fc.jsonValue()),
    rules: fc.array(fc.record({ name: fc.string(), expression: fc.string() }), { maxLength: 34 }),
    budget: fc.oneof(fc.record({ maxTokens: fc.integer() }, { requiredKeys: [] }), fc.jsonValue()),
    stray: fc.jsonValue(),
  },
  { requiredKeys: ['type'] },
);

function expectAnswered(answer: Answer): void {
  expect([202, 400, 413, 415]).toContain(answer.status);
  if (answer.status === 202) return;
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.body.code).toBeTypeOf('string');
}

describe('POST /v1/tasks never fails by itself', () => {
  test('whatever the fields hold', async () => {
    const before = market.submitted.length;
    await fc.assert(
      fc.asyncProperty(submission, async (body) => {
        expectAnswered(await ask(market, 'POST', '/v1/tasks', { body }));
      }),
      { numRuns: 500 },
    );
    // the cases are no proof if none gets through
    expect(market.submitted.length).toBeGreaterThan(before);
  });

  test('whatever text is sent as JSON, with whatever idempotency key', async () => {
    const raw = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.json().map((json) => json.slice(0, -1)));
    const key = fc.stringMatching(/^[\x20-\x7e]{0,300}$/);
    await fc.assert(
      fc.asyncProperty(raw, key, async (text, idempotencyKey) => {
        const headers = { 'idempotency-key': idempotencyKey };
        expectAnswered(await ask(market, 'POST', '/v1/tasks', { raw: text, headers }));
      }),
      { numRuns: 300 },
    );
  });
});

test('a GET of any path and query under /v1 is answered without a 5xx', async () => {
  const path = fc.constantFrom('tasks', 'skills', 'agents', 'agents/finance/reputation', 'tasks/x/events');
  const pair = fc.tuple(
    fc.constantFrom('limit', 'cursor', 'after', 'from', 'status', 'other'),
    fc.string({ unit: 'binary' }).map((value) => encodeURIComponent(value.toWellFormed())),
  );
  await fc.assert(
    fc.asyncProperty(path, fc.array(pair, { maxLength: 4 }), async (route, pairs) => {
      const query = pairs.map(([name, value]) => `${name}=${value}`).join('&');
      expect((await ask(market, 'GET', `/v1/${route}?${query}`)).status).toBeLessThan(500);
    }),
    { numRuns: 300 },
  );
});
