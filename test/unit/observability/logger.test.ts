import { expect, test } from 'vitest';
import { createLogger } from '../../../src/observability/logger.ts';

const SECRET = 'canary-7f3a';

function logged(fields: Record<string, unknown>): { text: string; line: Record<string, unknown> } {
  let text = '';
  createLogger('trace', { write: (line: string) => void (text += line) }).error(fields, 'it failed');
  return { text, line: JSON.parse(text) as Record<string, unknown> };
}

test('an error is logged with its name, message, stack and code, and without what it was working on', () => {
  const postgres = Object.assign(new Error('duplicate key value violates unique constraint "task_pkey"'), {
    code: '23505',
    constraint: 'task_pkey',
    detail: `Key (description)=(${SECRET}) already exists.`,
    where: `JSON data, line 1: ${SECRET}`,
    parameters: [SECRET],
  });
  const { text, line } = logged({ err: postgres });
  expect(line['err']).toMatchObject({
    type: 'Error',
    message: postgres.message,
    code: '23505',
    constraint: 'task_pkey',
  });
  expect(text).toContain('logger.test.ts');
  expect(text).not.toContain(SECRET);
});

test('an error of Redis is logged without the arguments of its command', () => {
  const error = Object.assign(new Error('NOAUTH Authentication required.'), {
    command: { name: 'publish', args: ['swarmbid:replica', SECRET] },
  });
  expect(logged({ err: new AggregateError([error], 'all failed') }).text).toContain('NOAUTH');
  expect(logged({ err: error }).text).not.toContain(SECRET);
  expect(logged({ err: new AggregateError([error], 'all failed') }).text).not.toContain(SECRET);
});

test('what is thrown and is no error is logged by its kind alone', () => {
  expect(logged({ err: { payload: SECRET } }).text).not.toContain(SECRET);
});

test.each(['token', 'key', 'secret', 'authorization'])(
  'a field named %s is never logged, nor one below a field',
  (name) => {
    expect(logged({ [name]: SECRET }).text).not.toContain(SECRET);
    expect(logged({ sent: { [name]: SECRET } }).text).not.toContain(SECRET);
  },
);
