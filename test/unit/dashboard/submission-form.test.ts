import { describe, expect, test } from 'vitest';
import { taskSubmissionSchema } from '../../../src/contracts/task.ts';
import { EMPTY_FORM, errorsByField, taskOfTexts, textsOfTask } from '../../../src/dashboard/submission-form.ts';
import { EXAMPLES } from '../../../src/dashboard/views/examples.ts';

describe('the form', () => {
  test.each(EXAMPLES.map(({ name, task }) => [name, task] as const))(
    'makes of the example "%s" the task that it was filled with, which the market takes',
    (_name, task) => {
      expect(taskOfTexts(textsOfTask(task))).toEqual({ task });
      expect(taskSubmissionSchema.safeParse(task).success).toBe(true);
    },
  );

  test('leaves out what is empty, so that the market’s defaults hold', () => {
    expect(taskOfTexts({ ...EMPTY_FORM, type: ' faq ' })).toEqual({ task: { type: 'faq' } });
  });

  test('reads numbers, lists, the budget and the deadline', () => {
    const texts = {
      ...EMPTY_FORM,
      type: 'faq',
      maxTeamSize: '3',
      rules: '[{"name": "r", "expression": "true"}]',
      maxCostUsd: '0.5',
      deadline: '2027-01-01T00:00Z',
      allowPartial: true,
    };
    expect(taskOfTexts(texts)).toEqual({
      task: {
        type: 'faq',
        maxTeamSize: 3,
        rules: [{ name: 'r', expression: 'true' }],
        budget: { maxCostUsd: 0.5 },
        deadline: '2027-01-01T00:00:00.000Z',
        allowPartial: true,
      },
    });
  });

  test('names each field that cannot be read', () => {
    const texts = { ...EMPTY_FORM, data: '[1]', maxAttempts: 'three', rules: '{', deadline: 'soon' };
    const read = taskOfTexts(texts);
    expect('errors' in read && Object.keys(read.errors).toSorted()).toEqual([
      'data',
      'deadline',
      'maxAttempts',
      'rules',
      'type',
    ]);
  });
});

test('the server’s faults are shown at the fields that they are of, the first of each', () => {
  const faults = [
    { path: 'data.items.0', message: 'is wrong' },
    { path: 'budget.maxTokens', message: 'is too small' },
    { path: 'type', message: 'is no slug' },
    { path: 'type', message: 'is too long' },
  ];
  expect(errorsByField(faults)).toEqual({
    data: 'data.items.0: is wrong',
    maxTokens: 'budget.maxTokens: is too small',
    type: 'is no slug',
  });
});
