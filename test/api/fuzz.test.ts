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

/** Mostly a value that is allowed, else one near the bounds or of any kind: so many cases get through, and each field fails. */
function mostly(allowed: fc.Arbitrary<unknown>, ...others: fc.Arbitrary<unknown>[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 12, arbitrary: allowed },
    ...[...others, fc.jsonValue()].map((arbitrary) => ({ weight: 1, arbitrary })),
  );
}

const anyText = fc.string({ unit: 'binary' });
const rule = fc.record({
  name: fc.string({ minLength: 1 }),
  expression: fc.string({ minLength: 1 }),
  severity: fc.constantFrom('warn', 'reject'),
});
const submission = fc.record(
  {
    type: mostly(fc.stringMatching(/^[a-zA-Z0-9][a-z0-9_-]{0,63}$/), anyText),
    description: mostly(fc.string(), anyText, fc.constantFrom('x'.repeat(32_000), 'x'.repeat(32_001))),
    requiredSkills: mostly(fc.array(fc.constantFrom('seo', 'SEO', 'finance'), { maxLength: 32 }), fc.array(anyText)),
    priority: mostly(fc.constantFrom('low', 'critical'), anyText),
    deadline: mostly(fc.date({ noInvalidDate: true, max: new Date('9999-12-31') }).map((at) => at.toISOString())),
    data: mostly(fc.dictionary(fc.string(), fc.jsonValue()), fc.dictionary(anyText, fc.anything())),
    maxTeamSize: mostly(fc.integer({ min: 1, max: 10 }), fc.integer(), fc.double()),
    timeoutMs: mostly(fc.constantFrom(100, 86_400_000), fc.constantFrom(99, 86_400_001)),
    rules: mostly(fc.array(rule, { maxLength: 32 }), fc.array(rule, { minLength: 33, maxLength: 34 })),
    budget: mostly(fc.record({ maxTokens: fc.integer({ min: 1 }) }, { requiredKeys: [] })),
  },
  { requiredKeys: ['type'] },
);
/** Sometimes with a field that nobody knows. */
const body = fc.oneof(
  { weight: 9, arbitrary: submission },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('a'), stray: fc.jsonValue() }) },
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
      fc.asyncProperty(body, async (submitted) => {
        expectAnswered(await ask(market, 'POST', '/v1/tasks', { raw: JSON.stringify(submitted) }));
      }),
      { numRuns: 500 },
    );
    // the cases prove little if few get through, or few do not
    const accepted = market.submitted.length - before;
    expect(accepted).toBeGreaterThan(20);
    expect(accepted).toBeLessThan(450);
  });

  test('whatever text is sent as JSON, with whatever idempotency key', async () => {
    const raw = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.json().map((json) => json.slice(0, -1)),
    );
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
