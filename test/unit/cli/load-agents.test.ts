import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UsageError } from '../../../src/cli/exit-codes.ts';
import { loadAgents } from '../../../src/cli/load-agents.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-agents-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function file(name: string, source: string): Promise<string> {
  const target = path.join(directory, name);
  await writeFile(target, source);
  return target;
}

const agent = (id: string) => `{ id: '${id}', skills: ['seo'], execute: () => 'done' }`;
const idsOf = async (...files: string[]) => (await loadAgents(files)).map((one) => one.id);

test('none alone: no agents', async () => {
  expect(await idsOf('none')).toEqual([]);
});

test('one definition or a list, as the default export or as "agents", in the order of the files', async () => {
  const files = [
    await file('a.mjs', `export default ${agent('a')};`),
    await file('b.mjs', `export default [${agent('b')}, ${agent('c')}];`),
    await file('d.mjs', `export const agents = [${agent('d')}];`),
    await file('e.mjs', `export const agents = ${agent('e')};`),
  ];
  expect(await idsOf(...files)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test.each([
  ['no agents', 'export const other = 1;', 'exports no agents'],
  ['an empty list', 'export default [];', 'exports no agents'],
  ['something that is not an agent', `export default { id: 'a', skills: [] };`, 'not an agent'],
  ['a text', `export default 'a';`, 'not an agent'],
  ['an error while it loads', `throw new Error('no model');`, 'cannot be loaded'],
])('a file that exports %s is refused, and the file is named', async (_name, source, message) => {
  const wrong = await file('wrong.mjs', source);
  const error: unknown = await loadAgents([wrong]).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UsageError);
  expect(String(error)).toContain(wrong);
  expect(String(error)).toContain(message);
});

test('one id in two files is refused, and both files are named', async () => {
  const one = await file('one.mjs', `export default ${agent('twin')};`);
  const other = await file('other.mjs', `export default ${agent('twin')};`);
  const error: unknown = await loadAgents([one, other]).catch((reason: unknown) => reason);
  expect(String(error)).toMatch(/"twin".*one\.mjs.*other\.mjs/);
});

test('none beside a file is refused', async () => {
  await expect(loadAgents(['none', 'a.mjs'])).rejects.toBeInstanceOf(UsageError);
});
