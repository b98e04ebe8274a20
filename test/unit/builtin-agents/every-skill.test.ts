import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import { builtInAgents, builtInSkills } from '../../../src/agents/builtin/index.ts';
import { toStorableJson } from '../../../src/util/json.ts';
import { agentFor, brokenChecks, contextFor, deliver, subtaskOf } from './fake-team.ts';
import type { Progress } from './fake-team.ts';

const skillIds = builtInSkills.map(({ id }) => id);

describe('the built-in agents', () => {
  it('are marketing, finance, insights and support, with the skills that were promised', () => {
    expect(Object.fromEntries(builtInAgents.map(({ id, skills }) => [id, skills]))).toEqual({
      marketing: ['marketing', 'content_creation', 'social_media', 'email_campaigns', 'seo'],
      finance: ['finance', 'budgeting', 'forecasting', 'roi_analysis', 'cost_tracking'],
      insights: ['analytics', 'data_analysis', 'reporting'],
      support: ['support', 'documentation', 'troubleshooting'],
    });
  });

  it('have a record of each of their skills and of no other', () => {
    expect(skillIds.toSorted()).toEqual(builtInAgents.flatMap(({ skills }) => skills).toSorted());
  });

  it.each(skillIds)('%s works without any data, within its schema, and states its assumptions', async (skill) => {
    const progress: Progress[] = [];
    const value = await deliver([skill], {}, { progress });
    expect(value['method']).toBe('rule-based');
    expect(value.assumptions.length).toBeGreaterThan(0);
    expect(progress.at(-1)?.percent).toBe(100);
    const schema = builtInSkills.find(({ id }) => id === skill)?.outputSchema ?? false;
    expect(new Ajv2020().validate(schema, value)).toBe(true);
  });

  it.each(skillIds)('%s delivers storable JSON or says what is unusable, whatever the data', async (skill) => {
    const keys = [
      'brief',
      'campaignsCsv',
      'csv',
      'rows',
      'series',
      'periods',
      'costs',
      'knownIssues',
      'networks',
      'budget',
    ];
    const numbers = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }));
    const values = fc.oneof(fc.jsonValue({ maxDepth: 2 }), numbers, fc.string());
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...keys), values, { maxKeys: 4 }), async (data) => {
        const subtask = subtaskOf([skill], data);
        try {
          const value: unknown = await agentFor(skill).execute(subtask, contextFor(subtask));
          expect(toStorableJson(value, 1024 * 1024)).toMatchObject({ ok: true });
        } catch (error) {
          expect((error as Error).message).toMatch(/data\.|brief|CSV|columns|knownIssues|features/);
        }
      }),
      { numRuns: 60 },
    );
  });

  it.each(builtInAgents.map(({ id, skills }) => [id, skills[0]]))(
    '%s does %s when a task requires no skill',
    async (id, skill) => {
      const agent = builtInAgents.find((candidate) => candidate.id === id);
      const subtask = subtaskOf([], {});
      const value = (await agent?.execute(subtask, contextFor(subtask))) as object;
      expect(Object.keys(value).toSorted()).toEqual(Object.keys(await deliver([skill ?? ''], {})).toSorted());
    },
  );

  it('refuse a skill that is not theirs', async () => {
    const subtask = subtaskOf(['cooking'], {});
    await expect(agentFor('seo').execute(subtask, contextFor(subtask))).rejects.toThrow('Asked for cooking');
  });
});

const full = {
  product: 'Meridian Reports',
  productDescription: 'A reporting workspace that turns the week’s operational data into one report that people read.',
  offer: 'Three months free on annual plans',
  features: ['links to every row'],
  knownIssues: [{ problem: 'The export stays empty', fix: 'Choose a longer period.' }],
  question: 'Why is the export empty?',
  budget: 10_000,
  costs: { ads: 60, tools: 50 },
  csv: 'date,segment,channel,sent,opened,clicked,converted\n2026-01-06,a,email,100,50,20,10',
  series: [1, 2, 3.5],
  periods: 2,
};
const campaignSkills = ['marketing', 'email_campaigns', 'finance', 'analytics'];

describe('the built-in skills', () => {
  it.each(skillIds.filter((id) => !campaignSkills.includes(id)))(
    '%s: every check holds for work on full data',
    async (id) => {
      expect(await brokenChecks(id, full, await deliver([id], full))).toEqual([]);
    },
  );

  const checks = builtInSkills.flatMap(({ id, checks: own }) =>
    own.map(({ name, expression }) => ({ id, name, expression })),
  );

  it.each(checks)(
    '$id: “$name” does not hold for an empty delivery, and its expression parses',
    async ({ expression }) => {
      const task = { data: { brief: { budget: 1, segments: ['a'] }, periods: 1, question: 'why', knownIssues: ['a'] } };
      const held: unknown = await jsonata(expression)
        .evaluate({ task, value: {} })
        .catch(() => false);
      expect(held).not.toBe(true);
    },
  );

  it('require no member of an honest agent’s object, and refuse what is no object', () => {
    for (const { outputSchema } of builtInSkills) {
      expect(new Ajv2020().validate(outputSchema ?? false, {})).toBe(true);
      expect(new Ajv2020().validate(outputSchema ?? false, 'done')).toBe(false);
    }
  });
});
