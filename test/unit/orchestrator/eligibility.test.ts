import { expect, test } from 'vitest';
import { loadPercent, refusalOf } from '../../../src/orchestrator/core/eligibility.ts';
import { knownAgent } from '../../support/task-fixtures.ts';

const opening = { requiredSkills: ['a', 'b'], domain: 'retail' };
const nobody = new Set<string>();
const ann = (changes: Parameters<typeof knownAgent>[2] = {}) => knownAgent('ann', ['a'], changes);

test('a bid stands if the market knows its agent as active, able, of the domain, untried and free', () => {
  expect(refusalOf(ann({ domains: ['retail'] }), opening, nobody)).toBeUndefined();
});

test('a bid of an agent that the market does not know is refused', () => {
  expect(refusalOf(undefined, opening, nobody)).toBe('UNKNOWN_AGENT');
});

test.each(['draining', 'suspended', 'retired'] as const)('a bid of a %s agent is refused', (status) => {
  expect(refusalOf(ann({ status }), opening, nobody)).toBe('NOT_ACTIVE');
});

test('a bid of an agent that is registered without any required skill is refused, whatever it says of itself', () => {
  expect(refusalOf(ann({ skills: ['x'] }), opening, nobody)).toBe('NO_SKILL');
});

test('a task that requires no skill lets every agent’s bid stand', () => {
  expect(refusalOf(ann({ skills: [] }), { requiredSkills: [], domain: undefined }, nobody)).toBeUndefined();
});

test('an agent of other domains is refused; one that lists none serves all, and a task without a domain asks for none', () => {
  expect(refusalOf(ann({ domains: ['health'] }), opening, nobody)).toBe('OUT_OF_DOMAIN');
  expect(refusalOf(ann({ domains: [] }), opening, nobody)).toBeUndefined();
  expect(refusalOf(ann({ domains: ['health'] }), { ...opening, domain: undefined }, nobody)).toBeUndefined();
});

test('an agent that has failed at the subtask is refused', () => {
  expect(refusalOf(ann(), opening, new Set(['ann']))).toBe('ALREADY_TRIED');
});

test.each([
  [79, 100, undefined],
  [80, 100, 'OVERLOADED'],
  [3, 4, undefined],
  [4, 4, 'OVERLOADED'],
])('%i of %i slots reserved: %s', (reservedSlots, slots, refusal) => {
  expect(refusalOf(ann({ reservedSlots, slots }), opening, nobody)).toBe(refusal);
});

test('an agent without a live replica is full', () => {
  expect(loadPercent(0, 0)).toBe(100);
  expect(refusalOf(ann({ slots: 0 }), opening, nobody)).toBe('OVERLOADED');
});

test('load is 100 × reserved slots / slots, to two decimals, and may exceed 100', () => {
  expect([loadPercent(1, 3), loadPercent(2, 8), loadPercent(5, 4)]).toEqual([33.33, 25, 125]);
});

test('the first refusal that applies is named: status, skill, domain, tried, load', () => {
  const faults = { status: 'suspended', skills: ['x'], domains: ['health'], slots: 0 } as const;
  const everything = { ...faults, skills: [...faults.skills], domains: [...faults.domains] };
  const tried = new Set(['ann']);
  expect(refusalOf(ann(everything), opening, tried)).toBe('NOT_ACTIVE');
  expect(refusalOf(ann({ ...everything, status: 'active' }), opening, tried)).toBe('NO_SKILL');
  expect(refusalOf(ann({ ...everything, status: 'active', skills: ['a'] }), opening, tried)).toBe('OUT_OF_DOMAIN');
  expect(refusalOf(ann({ slots: 0 }), opening, tried)).toBe('ALREADY_TRIED');
});
