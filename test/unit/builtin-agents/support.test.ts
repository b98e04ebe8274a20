import { describe, expect, it } from 'vitest';
import { deliver } from './fake-team.ts';

const data = {
  product: 'Meridian',
  features: ['weekly reports'],
  knownIssues: [
    { problem: 'The export stays empty', cause: 'no rows in the period', fix: 'Choose a longer period.' },
    'Slow login',
  ],
};

describe('support', () => {
  it('answers a question with the fix of the known issue that shares most words with it', async () => {
    const value = await deliver(['support'], { ...data, question: 'Why is my export empty?' });
    expect(value).toMatchObject({ answer: 'Choose a longer period.' });
  });

  it('leaves a question that fits no known issue to a person', async () => {
    const value = await deliver(['support'], { ...data, question: 'Where are you based?' });
    expect(value).toMatchObject({ answer: null });
    expect(value.assumptions).toContain('No known issue fits the question: it is left to a person.');
  });

  it('refuses known issues that are no list', async () => {
    await expect(deliver(['support'], { knownIssues: 'many' })).rejects.toThrow('knownIssues must list');
  });
});

describe('documentation', () => {
  it('has a section for features and one for known issues', async () => {
    const { sections } = await deliver(['documentation'], data);
    expect(sections).toMatchObject([
      { heading: 'What it is' },
      { heading: 'How to begin' },
      { heading: 'What it does', body: '- weekly reports' },
      { heading: 'Known issues', body: '- The export stays empty → Choose a longer period.\n- Slow login' },
      { heading: 'Where to get help' },
    ]);
  });
});

describe('troubleshooting', () => {
  it('gives steps for each known issue, ending with its fix or with a person', async () => {
    const { guide } = await deliver(['troubleshooting'], data);
    const lastSteps = (guide as { steps: string[] }[]).map(({ steps }) => steps.at(-1));
    expect(lastSteps).toEqual(['Choose a longer period.', 'Hand it to a person, with what was written down.']);
  });
});
