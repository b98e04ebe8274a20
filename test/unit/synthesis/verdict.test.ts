import { afterAll, expect, test } from 'vitest';
import type { Skill } from '../../../src/contracts/skill.ts';
import { createJudge } from '../../../src/synthesis/index.ts';
import { schemaFault, schemaMismatch } from '../../../src/synthesis/output-schema.ts';

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
  expect(await verdictOn({}, loose, strict)).toMatchObject({ accepted: false, message: expect.stringContaining('schema of finance') as string });
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
  ['an unknown type', { type: 'blob' }, /type/],
  ['a reference to elsewhere', { $ref: 'https://example.com/schema.json' }, /can't resolve reference/],
  ['another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, /no schema with key or ref/],
  ['an asynchronous schema', { $async: true }, /\$async/],
])('a schema with %s cannot be used', (_title, schema, message) => {
  expect(schemaFault(schema)).toMatch(message);
});

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
