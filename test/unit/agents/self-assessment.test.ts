import { expect, test } from 'vitest';
import { healthFault } from '../../../src/agents/core/process-health.ts';
import { assessSelf } from '../../../src/agents/core/self-assessment.ts';

const agent = { skills: ['a'], domains: ['retail'] };
const announced = { requiredSkills: ['a', 'b'], domain: 'retail' };
const self = { healthy: true, loadPercent: 0 };

test('an agent that shares one required skill, is healthy, free and of the domain bids', () => {
  expect(assessSelf(agent, announced, self)).toEqual({ bid: true });
});

test('an agent that shares no required skill passes with NO_SKILL', () => {
  expect(assessSelf({ ...agent, skills: ['x'] }, announced, self)).toEqual({ bid: false, reason: 'NO_SKILL' });
});

test('a task that requires no skill interests every agent', () => {
  expect(assessSelf({ ...agent, skills: [] }, { ...announced, requiredSkills: [] }, self)).toEqual({ bid: true });
});

test('an agent that is not healthy passes with UNHEALTHY', () => {
  expect(assessSelf(agent, announced, { ...self, healthy: false })).toEqual({ bid: false, reason: 'UNHEALTHY' });
});

test.each([
  [79.99, { bid: true }],
  [80, { bid: false, reason: 'OVERLOADED' }],
  [150, { bid: false, reason: 'OVERLOADED' }],
])('at %d %% of its capacity an agent answers %o: the limit is 80 %%', (loadPercent, answer) => {
  expect(assessSelf(agent, announced, { ...self, loadPercent })).toEqual(answer);
});

test('an agent of other domains passes with OUT_OF_DOMAIN', () => {
  expect(assessSelf({ ...agent, domains: ['health', 'travel'] }, announced, self)).toEqual({
    bid: false,
    reason: 'OUT_OF_DOMAIN',
  });
});

test('an agent that lists no domain serves all, and a task without a domain interests agents of any', () => {
  expect(assessSelf({ ...agent, domains: [] }, announced, self)).toEqual({ bid: true });
  expect(assessSelf({ ...agent, domains: ['health'] }, { requiredSkills: ['a'] }, self)).toEqual({ bid: true });
});

test('the first reason that fails is given: NO_SKILL, UNHEALTHY, OVERLOADED, OUT_OF_DOMAIN', () => {
  const stranger = { skills: ['x'], domains: ['health'] };
  const bad = { healthy: false, loadPercent: 100 };
  const reasons = [
    assessSelf(stranger, announced, bad),
    assessSelf({ ...stranger, skills: ['a'] }, announced, bad),
    assessSelf({ ...stranger, skills: ['a'] }, announced, { ...bad, healthy: true }),
    assessSelf({ ...stranger, skills: ['a'] }, announced, self),
  ].map((answer) => (answer.bid ? 'bid' : answer.reason));
  expect(reasons).toEqual(['NO_SKILL', 'UNHEALTHY', 'OVERLOADED', 'OUT_OF_DOMAIN']);
});

test.each([
  [499.9, 89.9, null],
  [500, 0, 'event loop late by 500 ms at the 99th percentile, limit 500 ms'],
  [0, 90, '90 % of the memory used, limit 90 %'],
])(
  'a process whose event loop is late by %d ms and that uses %d %% of its memory: %s',
  (eventLoopDelayMs, memoryPercent, fault) => {
    expect(healthFault({ eventLoopDelayMs, memoryPercent })).toBe(fault);
  },
);
