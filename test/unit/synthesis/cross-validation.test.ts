import { afterAll, expect, test } from 'vitest';
import type { Rule } from '../../../src/contracts/task.ts';
import { createJudge } from '../../../src/synthesis/index.ts';
import { rulesForType } from '../../../src/synthesis/core/default-rules.ts';

const judge = createJudge();
afterAll(() => judge.close());

const TASK = { id: 't', type: 'campaign', requiredSkills: ['marketing', 'finance'], data: { budget: 50_000 } };
const DELIVERIES = { marketing: { cost: 61_000 }, finance: { allocated: 50_000 } };
const COST_RULE = 'deliveries.marketing.cost <= deliveries.finance.allocated';

function rule(expression: string, known: Partial<Rule> = {}): Rule {
  return { name: 'cost', expression, severity: 'warn', ...known };
}

function validate(rules: Rule[], deliveries: Record<string, unknown> = DELIVERIES) {
  return judge.crossValidate({ task: TASK, rules, deliveries });
}

test('a rule that holds says nothing', async () => {
  const rules = [rule('deliveries.marketing.cost > deliveries.finance.allocated')];
  expect(await validate(rules)).toEqual({ warnings: [], rejections: [] });
});

test('a broken rule of severity warn is a warning with its name, its expression and the values', async () => {
  expect(await validate([rule(COST_RULE)])).toEqual({
    warnings: [
      {
        rule: 'cost',
        message: `"cost" (${COST_RULE}) does not hold; deliveries.marketing.cost = 61000, deliveries.finance.allocated = 50000`,
        blame: ['marketing', 'finance'],
      },
    ],
    rejections: [],
  });
});

test('a broken rule of severity reject is a rejection of the skills that it blames', async () => {
  const found = await validate([rule(COST_RULE, { severity: 'reject', blame: ['marketing'] })]);
  expect(found.warnings).toEqual([]);
  expect(found.rejections).toMatchObject([{ rule: 'cost', blame: ['marketing'] }]);
});

test('a rule without blame blames the skills that its expression names', async () => {
  const found = await validate([rule('deliveries.marketing.cost < task.data.budget', { severity: 'reject' })]);
  expect(found.rejections).toMatchObject([{ blame: ['marketing'] }]);
});

test('a rule without blame that names no skill blames every delivery', async () => {
  const found = await validate([rule('$sum(deliveries.*.cost) < 10', { severity: 'reject' })]);
  expect(found.rejections).toMatchObject([{ blame: ['marketing', 'finance'] }]);
});

test('a broken rule of severity reject that blames only skills without a delivery is a warning', async () => {
  const found = await validate([rule(COST_RULE, { severity: 'reject', blame: ['seo'] })]);
  expect(found.rejections).toEqual([]);
  expect(found.warnings).toMatchObject([{ rule: 'cost', blame: [] }]);
});

test('a rule that names an absent delivery is skipped, whatever else it says', async () => {
  const rules = [
    rule('deliveries.seo.score > 5'),
    rule('deliveries.marketing.cost < 0 and deliveries.seo.score > 5', { severity: 'reject' }),
    rule('$not($exists(deliveries.seo))', { severity: 'reject' }),
  ];
  expect(await validate(rules)).toEqual({ warnings: [], rejections: [] });
});

test('a delivery of null is not absent', async () => {
  const found = await validate([rule('deliveries.finance != null')], { finance: null });
  expect(found.warnings).toMatchObject([{ rule: 'cost', blame: ['finance'] }]);
});

test('a rule that fails to evaluate is a warning of its own, even with severity reject', async () => {
  const found = await validate([rule('deliveries.marketing.cost + "x" > 1', { severity: 'reject' })]);
  expect(found.rejections).toEqual([]);
  expect(found.warnings).toMatchObject([{ message: expect.stringContaining('could not be evaluated') as string }]);
});

test('a rule that does not parse is a warning of its own', async () => {
  const found = await validate([rule('deliveries.marketing.cost <=', { severity: 'reject' })]);
  expect(found.warnings).toMatchObject([{ message: expect.stringContaining('could not be evaluated') as string }]);
});

test('a rule that comes to no value, though all it names was delivered, is a warning that it could not be decided', async () => {
  const found = await validate([
    rule('deliveries.marketing.price <= deliveries.finance.allocated', { severity: 'reject' }),
  ]);
  expect(found.rejections).toEqual([]);
  expect(found.warnings[0]!.message).toBe(
    '"cost" (deliveries.marketing.price <= deliveries.finance.allocated) could not be decided: it came to no value; ' +
      'deliveries.marketing.price = nothing, deliveries.finance.allocated = 50000',
  );
});

test('only false breaks a rule: a number, a text and 0 do not', async () => {
  expect(await validate([rule('0'), rule('""'), rule('deliveries.marketing.cost')])).toEqual({
    warnings: [],
    rejections: [],
  });
});

test('several rules are judged each for itself, in their order', async () => {
  const found = await validate([
    rule('false', { name: 'a' }),
    rule('true', { name: 'b' }),
    rule('false', { name: 'c' }),
  ]);
  expect(found.warnings.map((warning) => warning.rule)).toEqual(['a', 'c']);
});

test('a long value is shortened in the message, and never cut within a character', async () => {
  const found = await validate([rule('deliveries.seo.text = ""')], { seo: { text: '😀'.repeat(500) } });
  const { message } = found.warnings[0]!;
  expect(message.length).toBeLessThan(200);
  expect(message.isWellFormed()).toBe(true);
});

test.each(['email_campaign_with_analytics', 'campaign'])(
  'a task of type %s compares cost and allocation by default',
  async (type) => {
    const found = await judge.crossValidate({
      task: { ...TASK, type },
      rules: rulesForType(type),
      deliveries: { marketing: { estimatedCost: 61_000 }, finance: { allocated: 50_000 } },
    });
    expect(found.warnings).toMatchObject([{ blame: ['marketing', 'finance'] }]);
  },
);

test('a campaign’s cost that equals the allocation breaks nothing', async () => {
  const deliveries = { marketing: { estimatedCost: 50_000 }, finance: { allocated: 50_000 } };
  expect(await validate(rulesForType('campaign'), deliveries)).toEqual({ warnings: [], rejections: [] });
});

test('a task of another type has no rules by default', () => {
  expect(rulesForType('support_ticket')).toEqual([]);
});

test('a rule that aborts its process is a warning of its own and rejects nobody; the next task is validated', async () => {
  const bomb = `($a:="aaaaaaaaaaaaaaaa";${'$a:=$a&$a;'.repeat(24)}$length($a)>0)`;
  const found = await validate([rule(bomb, { severity: 'reject' }), rule(COST_RULE, { severity: 'reject' })]);
  expect(found.rejections).toEqual([]);
  expect(found.warnings.map(({ message }) => message)).toEqual([
    expect.stringContaining('could not be evaluated: it was stopped'),
    expect.stringContaining('could not be evaluated: it was not looked at'),
  ]);
  expect((await validate([rule(COST_RULE, { severity: 'reject' })])).rejections).toHaveLength(1);
});
