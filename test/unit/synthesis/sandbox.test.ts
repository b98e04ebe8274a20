import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { createSandbox, type Sandbox, type SandboxLimits } from '../../../src/synthesis/sandbox.ts';
import type { Question } from '../../../src/synthesis/sandbox-limits.ts';

const BACKTRACKING = '$match(text, /^(a+)+$/)';
const HOSTILE_INPUT = { text: `${'a'.repeat(40)}!` };
/** 268 million characters: more than the process may have, allocated at once. */
const BOMB = `($a:="aaaaaaaaaaaaaaaa";${'$a:=$a&$a;'.repeat(24)}$length($a)>0)`;
const TRUE = { kind: 'decided', holds: true };
const NOT_REACHED = {
  kind: 'fault',
  message: 'it was not looked at: what was asked before it had to be stopped',
};

const open: Sandbox[] = [];

function sandbox(limits?: Partial<SandboxLimits>, role: 'expressions' | 'schemas' = 'expressions'): Sandbox {
  const made = createSandbox(role, limits);
  open.push(made);
  return made;
}

function evaluate(one: Sandbox, expressions: readonly string[], input: unknown) {
  return one.ask({ questions: expressions.map((expression) => ({ kind: 'expression', expression })), input });
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

test('each expression gets its own evaluation, in the order asked', async () => {
  const found = await evaluate(sandbox(), ['a = 1', 'a > 1', 'missing', 'a', 'a + "x"'], { a: 1 });
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
  const answers = await Promise.all([1, 2, 3, 4].map((n) => evaluate(one, ['n = 3'], { n })));
  expect(answers.map(([first]) => first)).toEqual([1, 2, 3, 4].map((n) => ({ kind: 'decided', holds: n === 3 })));
});

test('no questions need no process', async () => {
  expect(await evaluate(sandbox(), [], {})).toEqual([]);
});

test.each([
  ['an endless loop', '($f := function(){ $f() }; $f())', 'timeout'],
  ['an endless recursion', '($f := function($n){ 1 + $f($n) }; $f(1))', 'Stack overflow'],
  ['a sequence of ten million', '$count([1..10000000])', 'maximum sequence length'],
  ['a text of a billion characters', '$length($pad("x", 1000000000))', 'Invalid string length'],
])('%s is a fault, and the expression after it is evaluated', async (_title, expression, message) => {
  const found = await evaluate(sandbox(), [expression, '1 = 1'], {});
  expect(found).toEqual([{ kind: 'fault', message: expect.stringContaining(message) as string }, TRUE]);
});

test('an allocation that aborts its process is a fault, and what is asked after it is answered', async () => {
  const one = sandbox({ expressionLimitMs: 15_000 });
  const [killed, next] = await Promise.all([evaluate(one, [BOMB, '1 = 1'], {}), evaluate(one, ['2 = 2'], {})]);
  expect(killed).toEqual([
    { kind: 'fault', message: expect.stringMatching(/^it was stopped: its process ended/) as string },
    NOT_REACHED,
  ]);
  expect(next).toEqual([TRUE]);
});

test('a regular expression that backtracks for ever is stopped with the rest of its question; the next is answered', async () => {
  const one = sandbox({ expressionLimitMs: 300 });
  const [stopped, next] = await Promise.all([
    evaluate(one, ['1 = 1', BACKTRACKING, '1 = 1'], HOSTILE_INPUT),
    evaluate(one, ['2 = 2'], {}),
  ]);
  expect(stopped).toEqual([
    TRUE,
    { kind: 'fault', message: 'it was stopped: it took longer than 300 ms' },
    NOT_REACHED,
  ]);
  expect(next).toEqual([TRUE]);
});

test('when the time for all expressions of one question is used up, the rest of them are faults', async () => {
  const loop = '($f := function(){ $f() }; $f())';
  const found = await evaluate(sandbox({ batchLimitMs: 1 }), [loop, '1 = 1', '2 = 2'], {});
  expect(found.map((one) => one.kind)).toEqual(['fault', 'fault', 'fault']);
});

test('a process that is killed from outside costs nobody a fault: the question is asked once more', async () => {
  const one = sandbox();
  await evaluate(one, ['1 = 1'], {});
  const before = await children(process.pid);
  for (const pid of before) process.kill(pid, 'SIGKILL');
  expect(await evaluate(one, ['1 = 1'], {})).toEqual([TRUE]);
  expect(await children(process.pid)).not.toEqual(before);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'a %s that a terminal or a supervisor sends to the whole group does not end judging',
  async (signal) => {
    const one = sandbox();
    await evaluate(one, ['1 = 1'], {});
    const before = await children(process.pid);
    for (const pid of before) process.kill(pid, signal);
    expect(await evaluate(one, ['1 = 1'], {})).toEqual([TRUE]);
    expect(await children(process.pid)).toEqual(before);
  },
);

test.each([
  '$lookup($, "__proto__")',
  '$lookup($, "constructor")',
  '$lookup($sum, "constructor")',
  '$lookup({}, "hasOwnProperty")',
  '$keys($lookup($$, "__proto__"))',
  '$merge([{"__proto__": {"x": 1}}]).x',
  '($a := {}; $a.__proto__)',
  '"text".constructor',
  '$now.constructor',
  'constructor',
  '$sum.implementation',
  'toString',
])('an expression reaches no prototype: %s is nothing', async (expression) => {
  expect(await evaluate(sandbox(), [expression], { a: 1 })).toEqual([{ kind: 'nothing' }]);
});

test('an expression that makes a function of a constructor is a fault', async () => {
  const [answer] = await evaluate(sandbox(), ['$sum.constructor("return process")()'], {});
  expect(answer?.kind).toBe('fault');
});

test('its process may write no file, start no program, and evaluate no text; and it has no environment', async () => {
  const one = sandbox();
  await evaluate(one, ['1 = 1'], {});
  const [pid = 0] = await children(process.pid);
  const { command } = await look(pid);
  expect(command).toContain('--permission');
  expect(command).toContain('--disallow-code-generation-from-strings');
  expect(command).not.toMatch(/--allow-(fs-write|child-process|addons|wasi)/);
  expect(await readFile(`/proc/${pid}/environ`, 'utf8')).not.toMatch(/PATH|URL|KEY/);
});

test('an expression cannot change what a later one sees', async () => {
  const found = await evaluate(sandbox(), ['(a ~> |$|{"b": 2}|).b = 2', 'b', '{"__proto__": {"c": 1}}.c', 'c'], {
    a: 1,
  });
  expect(found.slice(1).map((one) => one.kind)).toEqual(['nothing', 'nothing', 'nothing']);
});

test('an input that is not JSON makes faults, and the sandbox goes on', async () => {
  const one = sandbox();
  const [first] = await evaluate(one, ['1 = 1'], { amount: 1n });
  expect(first?.kind).toBe('fault');
  expect(await evaluate(one, ['1 = 1'], {})).toEqual([TRUE]);
});

test.each<[string, Question, unknown]>([
  ['unique items among 20,000 objects', { kind: 'satisfies', schema: { uniqueItems: true } }, manyObjects(20_000)],
  ['a pattern that backtracks for ever', { kind: 'satisfies', schema: { pattern: '^(a+)+$' } }, HOSTILE_INPUT.text],
])('a schema that takes too long is a fault: %s', async (_title, question, value) => {
  const [answer] = await sandbox({ schemaLimitMs: 300 }, 'schemas').ask({ questions: [question], input: { value } });
  expect(answer).toEqual({ kind: 'fault', message: 'it was stopped: it took longer than 300 ms' });
});

test('a value nested too deeply for its schema is a fault, not a crash', async () => {
  const schema = { $ref: '#/$defs/node', $defs: { node: { items: { $ref: '#/$defs/node' } } } };
  const value: unknown = JSON.parse(`${'['.repeat(3_000)}${']'.repeat(3_000)}`);
  const one = sandbox({}, 'schemas');
  const [deep] = await one.ask({ questions: [{ kind: 'satisfies', schema }], input: { value } });
  expect(['decided', 'fault']).toContain(deep?.kind);
  expect(await evaluate(one, ['1 = 1'], {})).toEqual([TRUE]);
});

test('after a schema that is not satisfied the rest of the question is not looked at', async () => {
  const questions: Question[] = [
    { kind: 'satisfies', schema: { type: 'string' } },
    { kind: 'expression', expression: '1 = 1' },
  ];
  const answers = await sandbox({}, 'schemas').ask({ questions, input: { value: 1 } });
  expect(answers).toEqual([{ kind: 'mismatch', message: 'the value must be string' }]);
});

test('closing rejects what is still asked for, and what is asked afterwards', async () => {
  const one = sandbox();
  const asked = expect(evaluate(one, [BACKTRACKING], HOSTILE_INPUT)).rejects.toThrow('the market is closing');
  await one.close();
  await asked;
  await expect(evaluate(one, ['1 = 1'], {})).rejects.toThrow('the market is closing');
});

test('closing ends the process, whatever it is busy with', async () => {
  const before = await children(process.pid);
  const one = sandbox();
  await evaluate(one, ['1 = 1'], {});
  evaluate(one, [BACKTRACKING], HOSTILE_INPUT).catch(() => undefined);
  await one.close();
  expect(await children(process.pid)).toEqual(before);
});

test('an idle sandbox does not keep its process running, and ends with it', async () => {
  const { output, code } = await runOwner(`await one.ask(question('1 = 1')); await report();`);
  expect(code).toBe(0);
  await vi.waitFor(async () => expect(await isRunning(Number(output))).toBe(false), 10_000);
});

test('a sandbox whose owner is killed while an expression backtracks ends within seconds', async () => {
  const { output } = await runOwner(
    `await one.ask(question('1 = 1')); void one.ask(question(${JSON.stringify(BACKTRACKING)}));
     await report(); process.kill(process.pid, 'SIGKILL');`,
  );
  await vi.waitFor(async () => expect(await isRunning(Number(output))).toBe(false), 10_000);
});

function manyObjects(count: number): { n: number }[] {
  return Array.from({ length: count }, (_, n) => ({ n }));
}

/** A process with a sandbox of its own; `report()` writes the id of the sandbox's process. */
async function runOwner(code: string): Promise<{ output: string; code: number | null }> {
  const module = new URL('../../../src/synthesis/sandbox.ts', import.meta.url).href;
  const program = `
    import { readFileSync, writeSync } from 'node:fs';
    import { createSandbox } from ${JSON.stringify(module)};
    const one = createSandbox('expressions', { expressionLimitMs: 60_000 });
    const input = ${JSON.stringify(HOSTILE_INPUT)};
    const question = (expression) => ({ questions: [{ kind: 'expression', expression }], input });
    const report = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      writeSync(1, readFileSync(\`/proc/\${process.pid}/task/\${process.pid}/children\`, 'utf8').trim());
    };
    ${code}`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  owner.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(owner, 'close');
  return { output, code: owner.exitCode };
}

/** The sandboxes' processes among the children of a process. */
async function children(parent: number): Promise<number[]> {
  const names = await readdir('/proc');
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ({ pid, ...(await look(pid)) })));
  return found.filter((one) => one.parent === parent && one.command.includes('sandbox-process')).map(({ pid }) => pid);
}

async function isRunning(pid: number): Promise<boolean> {
  return (await look(pid)).command.includes('sandbox-process');
}

async function look(pid: number): Promise<{ parent: number; command: string }> {
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
  const [stat, command] = await Promise.all([read('stat'), read('cmdline')]);
  return { parent: Number(stat.slice(stat.lastIndexOf(')')).split(' ')[2]), command };
}
