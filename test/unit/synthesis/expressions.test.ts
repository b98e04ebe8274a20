import { expect, test } from 'vitest';
import { compileCheck, deliveriesNamed, pathsRead } from '../../../src/synthesis/core/expressions.ts';

test.each([
  ['a path', 'deliveries.marketing.cost <= deliveries.finance.allocated', ['marketing', 'finance']],
  ['a path from the root', '$$.deliveries.finance.cost > 0 and $.deliveries.seo.score > 0', ['finance', 'seo']],
  ['a skill with a hyphen, in backticks', 'deliveries.`market-research`.size > 0', ['market-research']],
  ['a skill in quotes', 'deliveries."finance".cost > 0', ['finance']],
  ['a block over the deliveries', 'deliveries.(marketing.cost < finance.allocated)', ['marketing', 'finance']],
  ['a variable that holds the deliveries', '($d := deliveries; $d.finance.cost > 0)', ['finance']],
  ['a look-up by name', '$lookup(deliveries, "finance").cost > 0', ['finance']],
  ['a predicate and an index', 'deliveries.finance.items[cost > 3][0].name = "ads"', ['finance']],
  ['a function within', '$map(task.data.parts, function($p){ $p < deliveries.seo.max })', ['seo']],
  ['both branches of a condition', 'task.data.big ? deliveries.finance.ok : deliveries.seo.ok', ['finance', 'seo']],
  ['the root from inside a delivery', 'deliveries.finance.(cost < $$.deliveries.seo.cost)', ['finance', 'seo']],
  ['a name that comes twice', 'deliveries.seo.a = deliveries.seo.b', ['seo']],
])('an expression names deliveries by %s', (_title, expression, named) => {
  expect(deliveriesNamed(expression)).toEqual(named);
});

test.each(['$sum(deliveries.*.cost) < task.data.budget', '$keys(deliveries) = "seo"', 'finance.cost > 0', 'true'])(
  'an expression names no delivery: %s',
  (expression) => {
    expect(deliveriesNamed(expression)).toEqual([]);
  },
);

test('the plain paths of an expression are known, those with a predicate or a wildcard are not', () => {
  expect(pathsRead('deliveries.finance.cost <= task.data.budget and deliveries.*.ok and deliveries.seo[0].x')).toEqual([
    ['deliveries', 'finance', 'cost'],
    ['task', 'data', 'budget'],
  ]);
});

test('an expression that does not parse is told with the place of the fault', () => {
  expect(compileCheck('deliveries.finance[')).toBe('Expected "]" before end of expression (at character 19)');
});

test('an expression that parses has no fault', () => {
  expect(compileCheck('deliveries.finance.cost <= task.data.budget')).toBeNull();
});

test('an expression nested too deeply to read is a fault, not a crash', () => {
  expect(compileCheck(`${'('.repeat(50_000)}1${')'.repeat(50_000)}`)).toEqual(expect.any(String));
});

test.each([
  ['ancestors of ancestors', `a${'.%'.repeat(1_980)}.x`, 'it has 1981 dots; at most 300 are allowed in one expression'],
  ['a path of 2,000 steps', `z${'.a'.repeat(1_980)}`, 'it has 1980 dots; at most 300 are allowed in one expression'],
  ['brackets in brackets', `${'('.repeat(65)}1${')'.repeat(65)}`, 'its brackets are nested more than 64 deep'],
])('an expression that would take long to read is refused unread: %s', (_title, expression, message) => {
  expect(compileCheck(expression)).toBe(message);
});

test('an expression of 300 dots and 64 brackets is read', () => {
  expect(compileCheck(`${'('.repeat(64)}z${'.a'.repeat(300)}${')'.repeat(64)}`)).toBeNull();
});
