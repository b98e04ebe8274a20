import { expect, test } from 'vitest';
import { mergeResult, type ResultPart } from '../../../src/synthesis/core/merge.ts';

function part(skills: string[], known: Partial<ResultPart> = {}): ResultPart {
  const times = { startedAt: at(0), finishedAt: at(100) };
  return { skills, stepId: null, agentId: 'ann', value: { of: skills }, quality: null, ...times, ...known };
}

function at(ms: number): Date {
  return new Date(1_700_000_000_000 + ms);
}

function merge(parts: ResultPart[], known: { allAccepted?: boolean } = {}) {
  return mergeResult({ taskId: 't', taskType: 'report', parts, warnings: [], allAccepted: true, ...known });
}

test('each covered skill is a section, also when one delivery covers several', () => {
  const { sections } = merge([part(['seo', 'finance'], { value: 1 }), part(['analytics'], { value: 2 })]);
  expect(sections).toEqual({ seo: 1, finance: 1, analytics: 2 });
});

test('the section of a task without skills bears the task’s type', () => {
  expect(merge([part([], { value: 'done' })]).sections).toEqual({ report: 'done' });
});

test('contributors are named once each, in the order of their parts', () => {
  const parts = [part(['a'], { agentId: 'bob' }), part(['b'], { agentId: 'ann' }), part(['c'], { agentId: 'bob' })];
  expect(merge(parts).contributors).toEqual(['bob', 'ann']);
});

test('quality is the mean of the known qualities to two decimals', () => {
  const parts = [
    part(['a'], { quality: 100 }),
    part(['b']),
    part(['c'], { quality: 66.67 }),
    part(['d'], { quality: 0 }),
  ];
  expect(merge(parts).quality).toBe(55.56);
});

test('quality is null where none is known', () => {
  expect(merge([part(['a'])]).quality).toBeNull();
});

test('durationMs runs from the first start to the last finish, sequentialMs is the sum, speedup their quotient', () => {
  const parts = [
    part(['a'], { startedAt: at(0), finishedAt: at(200) }),
    part(['b'], { startedAt: at(10), finishedAt: at(210) }),
    part(['c'], { startedAt: at(5), finishedAt: at(205) }),
  ];
  expect(merge(parts)).toMatchObject({ durationMs: 210, sequentialMs: 600, speedup: 2.86 });
});

test('parts that follow each other with a pause have a speedup under 1', () => {
  const parts = [part(['a']), part(['b'], { startedAt: at(200), finishedAt: at(300) })];
  expect(merge(parts)).toMatchObject({ durationMs: 300, sequentialMs: 200, speedup: 0.67 });
});

test('speedup is 1 when nothing took a whole millisecond', () => {
  expect(merge([part(['a'], { finishedAt: at(0) })])).toMatchObject({ durationMs: 0, sequentialMs: 0, speedup: 1 });
});

test('a result of no accepted part is empty and measures nothing', () => {
  expect(merge([], { allAccepted: false })).toEqual({
    taskId: 't',
    success: false,
    contributors: [],
    sections: {},
    warnings: [],
    quality: null,
    durationMs: 0,
    sequentialMs: 0,
    speedup: 1,
  });
});

test('success is true only if every required subtask was accepted', () => {
  expect([merge([part(['a'])]).success, merge([part(['a'])], { allAccepted: false }).success]).toEqual([true, false]);
});
