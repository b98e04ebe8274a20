import { afterAll, expect, test } from 'vitest';
import type { Skill } from '../../../src/contracts/skill.ts';
import { createJudge } from '../../../src/synthesis/index.ts';
import { schemaMismatch } from '../../../src/synthesis/output-schema.ts';

const judge = createJudge();
afterAll(() => judge.close());

const TASK = { id: 't', type: 'campaign', requiredSkills: ['seo'], data: { budget: 100 } };

function skill(known: Partial<Skill>): Skill {
  return { id: 'seo', description: '', checks: [], ...known };
}

function check(name: string, expression: string, weight = 1) {
  return { name, expression, weight };
}

function verdictOn(value: unknown, ...skills: Skill[]) {
  return judge.judgeDelivery({ task: TASK, skills, value });
}

test('a delivery that breaks its skill’s schema is rejected, and the message says where', async () => {
  const schema = { type: 'object', properties: { cost: { type: 'number', maximum: 10 } }, required: ['title'] };
  expect(await verdictOn({ cost: 11 }, skill({ outputSchema: schema }))).toEqual({
    accepted: false,
    code: 'SCHEMA_MISMATCH',
    message: "The delivery does not satisfy the schema of seo: the value must have required property 'title'.",
  });
  expect(await verdictOn({ title: 'x', cost: 11 }, skill({ outputSchema: schema }))).toMatchObject({
    message: 'The delivery does not satisfy the schema of seo: /cost must be <= 10.',
  });
});

test('a delivery must satisfy the schema of each of its skills', async () => {
  const loose = skill({ outputSchema: { type: 'object' } });
  const strict = skill({ id: 'finance', outputSchema: { required: ['roi'] } });
  expect(await verdictOn({}, loose, strict)).toMatchObject({
    accepted: false,
    message: expect.stringContaining('schema of finance') as string,
  });
});

test('quality is 100 × weight held / weight of all, and its source is check', async () => {
  const checks = [
    check('within budget', 'value.cost <= task.data.budget', 3),
    check('has a title', '$exists(value.title)'),
  ];
  expect(await verdictOn({ cost: 100 }, skill({ checks }))).toEqual({
    accepted: true,
    quality: 75,
    qualitySource: 'check',
    failedChecks: ['has a title'],
  });
});

test('quality has two decimals: two of three equal checks are 66.67', async () => {
  const checks = [check('a', 'true'), check('b', 'true'), check('c', 'false')];
  expect(await verdictOn({}, skill({ checks }))).toMatchObject({ quality: 66.67 });
});

test('quality runs over the checks of all skills of the subtask', async () => {
  const first = skill({ checks: [check('a', 'true')] });
  const second = skill({ id: 'finance', checks: [check('b', 'false')] });
  expect(await verdictOn({}, first, second)).toMatchObject({ quality: 50, failedChecks: ['b'] });
});

test('a delivery of skills without checks is accepted with no quality and no source', async () => {
  const none = { accepted: true, quality: null, qualitySource: null, failedChecks: [] };
  expect(await verdictOn({ anything: 1 }, skill({}))).toEqual(none);
  expect(await verdictOn('even a text')).toEqual(none);
});

test('a check holds only if it is true: a fault, a number, nothing and false do not', async () => {
  const checks = [
    check('fault', 'value.title + 1 > 0'),
    check('number', '1'),
    check('nothing', 'value.missing'),
    check('false', 'false'),
    check('true', 'true'),
  ];
  const verdict = await verdictOn({ title: 'x' }, skill({ checks }));
  expect(verdict).toMatchObject({ quality: 20, failedChecks: ['fault', 'number', 'nothing', 'false'] });
});

test('what an agent says of its own quality changes nothing', async () => {
  const checks = [check('a', 'true'), check('b', 'false')];
  const boast = { quality: 100, qualitySource: 'review', accepted: true };
  expect(await verdictOn(boast, skill({ checks }))).toMatchObject({ quality: 50, qualitySource: 'check' });
});

test.each([null, 'text', 7, false, [1, 2], {}])('a delivery may be any JSON value: %j', async (value) => {
  const checks = [check('same', 'true')];
  expect(await verdictOn(value, skill({ checks }))).toMatchObject({ accepted: true, quality: 100 });
});

test.each([
  [
    'that takes too long',
    { uniqueItems: true },
    Array.from({ length: 20_000 }, (_, n) => ({ n })),
    /longer than 1000 ms/,
  ],
  ['that cannot be compiled', { $async: true }, {}, /\$async/],
])(
  'a delivery is rejected that cannot be checked against a schema %s',
  async (_title, outputSchema, value, message) => {
    expect(await verdictOn(value, skill({ outputSchema, checks: [check('a', 'true')] }))).toEqual({
      accepted: false,
      code: 'SCHEMA_MISMATCH',
      message: expect.stringMatching(message) as string,
    });
  },
);

test('a check that aborts its process does not hold, nor do those after it; the delivery is accepted', async () => {
  const bomb = `($a:="aaaaaaaaaaaaaaaa";${'$a:=$a&$a;'.repeat(24)}$length($a)>0)`;
  const verdict = await verdictOn({}, skill({ checks: [check('a', 'true'), check('b', bomb), check('c', 'true')] }));
  expect(verdict).toMatchObject({ accepted: true, quality: 33.33, failedChecks: ['b', 'c'] });
});

test.each([
  ['an unknown type', { type: 'blob' }, /type/],
  ['a reference to elsewhere', { $ref: 'https://example.com/schema.json' }, /only references within the schema/],
  ['a reference to elsewhere, deep in it', { items: { anyOf: [{ $ref: 'other.json' }] } }, /\/items\/anyOf\/0\/\$ref/],
  ['a reference to nothing', { $ref: '#/$defs/none' }, /can't resolve reference/],
  ['another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, /no schema with key or ref/],
  ['an asynchronous schema', { $async: true }, /\$async/],
  ['an asynchronous schema, deep in it', { properties: { a: { $async: true } } }, /\/properties\/a\/\$async/],
  ['the metaschema’s $id', { $id: 'https://json-schema.org/draft/2020-12/schema' }, /metaschema/],
  ['65 levels', nested(65), /64 levels/],
])('a schema with %s cannot be used', async (_title, schema, message) => {
  expect(await judge.schemaFault(schema)).toMatch(message);
});

test.each([
  ['references within it', { $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }],
  [
    'a property that is called like a keyword',
    { properties: { $async: { type: 'string' }, $ref: { type: 'string' } } },
  ],
  ['an example that looks like a keyword', { const: { $ref: 'elsewhere' } }],
  ['an $id of its own', { $id: 'https://example.com/one', $schema: 'https://json-schema.org/draft/2020-12/schema' }],
])('a schema with %s can be used', async (_title, schema) => {
  expect(await judge.schemaFault(schema)).toBeNull();
});

function nested(levels: number): Record<string, unknown> {
  return levels === 0 ? {} : { not: nested(levels - 1) };
}

test('two schemas may carry the same $id', () => {
  const id = 'https://example.com/one';
  expect(schemaMismatch({ $id: id, type: 'object' }, {})).toBeNull();
  expect(schemaMismatch({ $id: id, type: 'string' }, {})).toBe('the value must be string');
});

test('a schema goes on to work after more schemas than are kept compiled', () => {
  for (let i = 0; i < 450; i++) {
    const schema = { $id: 'https://example.com/same', const: i % 225 };
    expect(schemaMismatch(schema, i % 225)).toBeNull();
  }
});
