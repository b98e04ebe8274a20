import { expect, test } from 'vitest';
import { planFold, type FoldableEntry } from '../../../src/reputation/core/fold-plan.ts';

function entry(id: number, agentId: string, known: Partial<FoldableEntry> = {}): FoldableEntry {
  const plain = { skill: 'seo', outcome: 'accepted', quality: null, delta: 5, durationMs: 100, team: false } as const;
  return { id, agentId, ...plain, ...known };
}

test('each agent’s entries are applied in the order given, from the reputation that it has', () => {
  const plan = planFold([entry(1, 'ann'), entry(2, 'ann', { delta: -10 }), entry(3, 'bob')], new Map([['ann', 148]]));
  expect(plan.applied).toEqual([
    { ord: 0, id: 1, before: 148, after: 150 },
    { ord: 1, id: 2, before: 150, after: 140 },
    { ord: 2, id: 3, before: 100, after: 105 },
  ]);
});

test('a failure of the market’s own is neither accepted nor failed, and leaves no trace in the skill', () => {
  const plan = planFold([entry(1, 'ann', { outcome: 'market_failure', delta: 0 })], new Map([['ann', 90]]));
  expect(plan.applied).toEqual([{ ord: 0, id: 1, before: 90, after: 90 }]);
  expect(plan.agents).toEqual([
    { id: 'ann', reputation: 90, accepted: 0, failed: 0, response_ms: 0, team_accepted: 0, team_failed: 0 },
  ]);
  expect(plan.skills).toEqual([]);
});

test('failed, rejected and timed out all count as failed, and their durations do not count as responses', () => {
  const outcomes = ['failed', 'rejected', 'timed_out'] as const;
  const entries = outcomes.map((outcome, i) => entry(i, 'ann', { outcome, delta: -10, durationMs: 9_000 }));
  const plan = planFold([...entries, entry(9, 'ann', { durationMs: 40 })], new Map());
  expect(plan.agents).toMatchObject([{ accepted: 1, failed: 3, response_ms: 40 }]);
  expect(plan.skills).toMatchObject([{ skill: 'seo', accepted: 1, failed: 3, duration_ms_sum: 40, duration_count: 1 }]);
});

test('team results are counted apart', () => {
  const entries = [
    entry(1, 'ann', { team: true }),
    entry(2, 'ann', { team: true, outcome: 'failed', delta: -10 }),
    entry(3, 'ann'),
  ];
  expect(planFold(entries, new Map()).agents).toMatchObject([
    { accepted: 2, failed: 1, team_accepted: 1, team_failed: 1 },
  ]);
});

test('an unknown quality does not enter a skill’s average, and a quality of 0 does', () => {
  const entries = [
    entry(1, 'ann', { quality: 0 }),
    entry(2, 'ann', { quality: null }),
    entry(3, 'ann', { quality: 80 }),
  ];
  expect(planFold(entries, new Map()).skills).toMatchObject([{ quality_sum: 80, quality_count: 2 }]);
});

test('an entry without a skill changes the agent alone', () => {
  const plan = planFold([entry(1, 'ann', { skill: null })], new Map());
  expect(plan.agents).toMatchObject([{ id: 'ann', accepted: 1 }]);
  expect(plan.skills).toEqual([]);
});
