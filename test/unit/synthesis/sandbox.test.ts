import { afterEach, expect, test } from 'vitest';
import { createSandbox, type Sandbox } from '../../../src/synthesis/sandbox.ts';

const BACKTRACKING = '$match(text, /^(a+)+$/)';
const HOSTILE_INPUT = { text: `${'a'.repeat(40)}!` };
const TRUE = { kind: 'decided', holds: true };

const open: Sandbox[] = [];

function sandbox(limits?: { threadLimitMs?: number; batchLimitMs?: number }): Sandbox {
  const made = createSandbox(limits);
  open.push(made);
  return made;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

test('each expression gets its own evaluation, in the order asked', async () => {
  const found = await sandbox().evaluate(['a = 1', 'a > 1', 'missing', 'a', 'a + "x"'], { a: 1 });
  expect(found).toEqual([
    TRUE,
    { kind: 'decided', holds: false },
    { kind: 'nothing' },
    { kind: 'other' },
    { kind: 'fault', message: expect.stringContaining('right side of the "+" operator') as string },
  ]);
});

test('questions asked at once are answered each from its own input', async () => {
  const one = sandbox();
  const answers = await Promise.all([1, 2, 3, 4].map((n) => one.evaluate(['n = 3'], { n })));
  expect(answers.map(([first]) => first)).toEqual([1, 2, 3, 4].map((n) => ({ kind: 'decided', holds: n === 3 })));
});

test('no expressions need no thread', async () => {
  expect(await sandbox().evaluate([], {})).toEqual([]);
});

test.each([
  ['an endless loop', '($f := function(){ $f() }; $f())', 'timeout'],
  ['an endless recursion', '($f := function($n){ 1 + $f($n) }; $f(1))', 'Stack overflow'],
  ['a sequence of ten million', '$count([1..10000000])', 'maximum sequence length'],
  ['a text of a billion characters', '$length($pad("x", 1000000000))', 'Invalid string length'],
])('%s is a fault, and the expression after it is evaluated', async (_title, expression, message) => {
  const found = await sandbox().evaluate([expression, '1 = 1'], {});
  expect(found).toEqual([{ kind: 'fault', message: expect.stringContaining(message) as string }, TRUE]);
});

test('a regular expression that backtracks for ever is stopped; what is asked after it goes to a new thread', async () => {
  const one = sandbox({ threadLimitMs: 100 });
  const [stopped, next] = await Promise.all([
    one.evaluate([BACKTRACKING, '1 = 1'], HOSTILE_INPUT),
    one.evaluate(['2 = 2'], {}),
  ]);
  expect(stopped).toEqual([{ kind: 'fault', message: 'it was stopped: it took longer than 100 ms' }, TRUE]);
  expect(next).toEqual([TRUE]);
});

test('when the time for all expressions of one question is used up, the rest of them are faults', async () => {
  const found = await sandbox({ threadLimitMs: 100, batchLimitMs: 1 }).evaluate(
    [BACKTRACKING, '1 = 1', '2 = 2'],
    HOSTILE_INPUT,
  );
  expect(found.map((one) => one.kind)).toEqual(['fault', 'fault', 'fault']);
});

test.each(['$lookup($, "__proto__")', '$lookup($, "constructor")', 'constructor', '$sum.implementation', 'toString'])(
  'an expression reaches no prototype: %s is nothing',
  async (expression) => {
    expect(await sandbox().evaluate([expression], { a: 1 })).toEqual([{ kind: 'nothing' }]);
  },
);

test('an expression cannot change what a later one sees', async () => {
  const found = await sandbox().evaluate(['(a ~> |$|{"b": 2}|).b = 2', 'b', '{"__proto__": {"c": 1}}.c', 'c'], {
    a: 1,
  });
  expect(found.slice(1).map((one) => one.kind)).toEqual(['nothing', 'nothing', 'nothing']);
});

test('an input that cannot be copied makes faults, and the sandbox goes on', async () => {
  const one = sandbox();
  const [first] = await one.evaluate(['1 = 1'], { act: () => undefined });
  expect(first?.kind).toBe('fault');
  expect(await one.evaluate(['1 = 1'], {})).toEqual([TRUE]);
});

test('closing answers what is still asked for, and what is asked afterwards, with faults', async () => {
  const one = sandbox();
  const asked = one.evaluate([BACKTRACKING], HOSTILE_INPUT);
  await one.close();
  const fault = [{ kind: 'fault', message: 'the market is closing' }];
  expect([await asked, await one.evaluate(['1 = 1'], {})]).toEqual([fault, fault]);
});
