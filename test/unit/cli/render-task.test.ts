import pc from 'picocolors';
import { describe, expect, test } from 'vitest';
import { renderOutcome } from '../../../src/cli/render-task.ts';
import type { TaskResult } from '../../../src/sdk/index.ts';

const RESULT: TaskResult = {
  taskId: 't',
  success: true,
  contributors: ['a'],
  sections: {},
  warnings: [],
  quality: null,
  durationMs: 10,
  sequentialMs: 20,
  speedup: 2,
};

const render = (result: Partial<TaskResult>): string[] => {
  const usage = { inputTokens: 0, outputTokens: 0, costUsd: 0 };
  const task = { id: 't', status: 'completed', result: { ...RESULT, ...result }, usage } as const;
  return renderOutcome(task, pc.createColors(false));
};

const sections = (value: unknown) => render({ sections: { poetry: value } }).slice(3);

describe('renderOutcome', () => {
  test('an unknown skill shows its short values, then its texts, then a line for each of three items and the count of the rest', () => {
    const text = 'a long text '.repeat(8).trim();
    const verses = [{ line: 'one', notes: { by: 'x' } }, { line: 'two' }, { line: 'three' }, { line: 'four' }];
    expect(sections({ text, title: 'Ode', feet: 5, verses })).toEqual([
      '  poetry',
      '    title Ode · feet 5',
      `    text ${text}`,
      '    verses: line one',
      '    verses: line two',
      '    verses: line three',
      '    verses: 1 more',
    ]);
  });

  test('a text longer than a line is cut after a word', () => {
    const line = sections('word '.repeat(60))[1] ?? '';
    expect(line).toMatch(/word …$/);
    expect(line.length).toBeLessThanOrEqual(154);
  });

  test.each([
    [3, []],
    [5, ['    assumed: 2 more']],
  ])('of %i assumptions three are told, and how many more there are', (count, more) => {
    const assumptions = Array.from({ length: count }, (_, index) => `guess ${index + 1}`);
    expect(sections({ assumptions }).slice(1)).toEqual([
      '    assumed: guess 1',
      '    assumed: guess 2',
      '    assumed: guess 3',
      ...more,
    ]);
  });

  test('a warning is told plainly: the rule, what does not hold, the values, who is blamed', () => {
    const message = '"cost fits" (a.cost <= b.money) does not hold; a.cost = 3, b.money = 2';
    expect(render({ warnings: [{ rule: 'cost fits', message, blame: ['a', 'b'] }] }).slice(3)).toEqual([
      '  warning: cost fits',
      '    (a.cost <= b.money) does not hold',
      '    a.cost = 3, b.money = 2',
      '    blamed: a, b',
    ]);
  });
});
