import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { Principal } from '../../src/contracts/access.ts';
import { createJudge, createSkillCatalogue, createSynthesis } from '../../src/synthesis/index.ts';
import { manualClock } from '../../src/util/clock.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const ADMIN: Principal = { keyId: 'k', role: 'admin', ownerId: 'local' };
const PLAIN = { description: 'search engines', checks: [] };

const judge = createJudge();
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
});
afterAll(() => Promise.all([database.drop(), judge.close()]));
beforeEach(async () => {
  await database.db.deleteFrom('skill').execute();
});

function newCatalogue() {
  const clock = manualClock(new Date('2026-11-21T10:00:00Z'));
  const changed: string[] = [];
  const onChange = (id: string) => changed.push(id);
  const skills = createSkillCatalogue({ db: database.db, judge, onChange, clock });
  return { skills, clock, changed };
}

test('a skill that was put is listed and read as it was put, and the change is told and audited', async () => {
  const { skills, changed } = newCatalogue();
  const outputSchema = { type: 'object', required: ['title'] };
  const body = { ...PLAIN, outputSchema, checks: [{ name: 'title', expression: '$exists(value.title)', weight: 2 }] };
  expect(await skills.put(ADMIN, 'seo', body)).toEqual({ id: 'seo', ...body });
  expect(await skills.byIds(['seo'])).toEqual([{ id: 'seo', ...body }]);
  expect((await skills.list({ limit: 10 })).items).toEqual([{ id: 'seo', ...body }]);
  expect(changed).toEqual(['seo']);
  const recorded = await database.db.selectFrom('audit').select(['actor', 'action', 'target']).execute();
  expect(recorded).toEqual([{ actor: 'k', action: 'skill.put', target: 'seo' }]);
});

test('putting a skill again replaces all of it', async () => {
  const { skills } = newCatalogue();
  await skills.put(ADMIN, 'seo', { ...PLAIN, outputSchema: { type: 'object' } });
  await skills.put(ADMIN, 'seo', { description: 'other', checks: [] });
  expect(await skills.byIds(['seo'])).toEqual([{ id: 'seo', description: 'other', checks: [] }]);
});

test('a skill whose schema or checks cannot be used is refused with every fault and its path, and nothing is kept', async () => {
  const { skills, changed } = newCatalogue();
  const checks = ['true', 'value.(', 'value['].map((expression) => ({ name: 'x', expression, weight: 1 }));
  const putting = skills.put(ADMIN, 'seo', { description: '', outputSchema: { type: 'blob' }, checks });
  await expect(putting).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
    errors: [{ path: 'outputSchema' }, { path: 'checks.1.expression' }, { path: 'checks.2.expression' }],
  });
  expect(await skills.byIds(['seo'])).toEqual([]);
  expect(changed).toEqual([]);
});

test('skills are listed by id, page after page', async () => {
  const { skills } = newCatalogue();
  for (const id of ['c', 'a', 'b']) await skills.put(ADMIN, id, PLAIN);
  const first = await skills.list({ limit: 2 });
  const second = await skills.list({ limit: 2, cursor: first.nextCursor! });
  expect([first.items, second.items].map((items) => items.map((skill) => skill.id))).toEqual([['a', 'b'], ['c']]);
  expect(second.nextCursor).toBeNull();
});

test('a cursor that the list never gave is INVALID_REQUEST', async () => {
  const { skills } = newCatalogue();
  await expect(skills.list({ limit: 2, cursor: 'AAAA' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
});

test('built-in skills are written once; a record that an admin changed stays', async () => {
  const { skills } = newCatalogue();
  await skills.put(ADMIN, 'seo', { description: 'ours', checks: [] });
  await skills.ensureBuiltIn([
    { id: 'seo', description: 'built in', checks: [] },
    { id: 'finance', description: 'built in', checks: [] },
  ]);
  const descriptions = (await skills.byIds(['seo', 'finance'])).map((skill) => skill.description);
  expect(descriptions).toEqual(['ours', 'built in']);
});

test('another process’s change is seen at once when it is told, and after 5 s when it is not', async () => {
  const [here, there] = [newCatalogue(), newCatalogue()];
  expect(await here.skills.byIds(['seo'])).toEqual([]);
  await there.skills.put(ADMIN, 'seo', PLAIN);
  here.clock.advance(4_999);
  expect(await here.skills.byIds(['seo'])).toEqual([]);
  here.clock.advance(1);
  expect(await here.skills.byIds(['seo'])).toMatchObject([{ description: 'search engines' }]);
  await there.skills.put(ADMIN, 'seo', { description: 'new', checks: [] });
  here.skills.invalidate();
  expect(await here.skills.byIds(['seo'])).toMatchObject([{ description: 'new' }]);
});

test('records come in the order asked; a skill without one is left out', async () => {
  const { skills } = newCatalogue();
  for (const id of ['a', 'b']) await skills.put(ADMIN, id, PLAIN);
  expect((await skills.byIds(['b', 'none', 'a'])).map((skill) => skill.id)).toEqual(['b', 'a']);
  expect(await skills.byIds([])).toEqual([]);
});

test('a delivery is judged by the records of its skills, and one of a skill without record demands nothing', async () => {
  const { skills } = newCatalogue();
  const synthesis = createSynthesis({ skills, judge });
  await skills.put(ADMIN, 'seo', {
    ...PLAIN,
    checks: [{ name: 'title', expression: '$exists(value.title)', weight: 1 }],
  });
  const task = { id: 't', type: 'report', requiredSkills: ['seo'], data: {} };
  expect(await synthesis.judge({ task, skills: ['seo', 'unknown'], value: {} })).toMatchObject({ quality: 0 });
  expect(await synthesis.judge({ task, skills: ['unknown'], value: {} })).toMatchObject({ quality: null });
  expect([await synthesis.judges(['seo']), await synthesis.judges(['unknown'])]).toEqual([true, false]);
});
