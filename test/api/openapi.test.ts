import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, fakeMarket, type FakeMarket } from './fake-market.ts';

interface Operation {
  summary?: string;
  tags?: string[];
  security?: object[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: { $ref?: string } }> }>;
}

interface Document {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: object };
  tags: { name: string }[];
}

let market: FakeMarket;
let document: Document;
beforeAll(async () => {
  market = await fakeMarket();
  document = JSON.parse((await ask(market, 'GET', '/openapi.json', { token: null })).text) as Document;
});
afterAll(async () => {
  await market.app.close();
});

function operations(): [string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [`${method} ${path}`, operation]),
  );
}

describe('/openapi.json', () => {
  test('is an OpenAPI 3.1 document of this version with bearer keys', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(document.info.version).toBe('1.2.3');
    expect(document.components.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } });
  });

  test('gives each operation a summary, a declared tag and a described success', () => {
    const tags = document.tags.map((tag) => tag.name);
    for (const [name, operation] of operations()) {
      expect(operation.summary, name).toBeTypeOf('string');
      expect(tags, name).toContain(operation.tags?.[0]);
      const success = Object.keys(operation.responses).filter((status) => status.startsWith('2'));
      expect(success, name).toHaveLength(1);
      for (const response of Object.values(operation.responses)) expect(response.description, name).not.toBe('');
    }
  });

  test('lists for each operation under /v1 the refusals 401, 403, 429 and 503 as problem documents', () => {
    for (const [name, operation] of operations()) {
      if (!name.includes('/v1/')) continue;
      for (const status of ['400', '401', '403', '429', '500', '503']) {
        expect(operation.responses[status]?.content, `${name} ${status}`).toStrictEqual({
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        });
      }
    }
  });

  test('asks for no key outside /v1', () => {
    for (const [name, operation] of operations()) {
      if (name.includes('/v1/')) expect(operation.security, name).toBeUndefined();
      else expect(operation.security, name).toStrictEqual([]);
    }
  });

  test('refers to no schema that is not there, and holds none that nobody refers to', () => {
    const referenced = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    const names = new Set(referenced.map(([, name]) => name));
    expect([...names].sort()).toStrictEqual(Object.keys(document.components.schemas).sort());
  });

  test('has schemas that are JSON Schema 2020-12', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      expect(ajv.validateSchema(schema), name).toBe(true);
    }
  });

  test('says of a submission that unknown fields are refused and what the bounds are', () => {
    expect(document.components.schemas.TaskSubmissionInput).toMatchObject({
      additionalProperties: false,
      required: ['type'],
      properties: {
        timeoutMs: { minimum: 100, maximum: 86_400_000, default: 60_000 },
        biddingTimeMs: { minimum: 100, maximum: 600_000, default: 30_000 },
        maxTeamSize: { minimum: 1, maximum: 10 },
      },
    });
  });

  test('describes an answer that the routes give: a task satisfies its schema', async () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema({ $id: 'openapi', components: document.components });
    const task = await ask(market, 'POST', '/v1/tasks', { body: { type: 'campaign' } });
    const isTask = ajv.compile({ $ref: 'openapi#/components/schemas/Task' });
    expect(isTask(task.body), JSON.stringify(isTask.errors)).toBe(true);
  });
});
