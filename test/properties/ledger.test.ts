import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OUTCOMES } from '../../src/contracts/ledger.ts';
import { planFold, type AppliedEntry, type FoldableEntry } from '../../src/reputation/core/fold-plan.ts';
import { deltaFor, foldEntries } from '../../src/reputation/core/ledger-rules.ts';

const reputations = fc.integer({ min: 0, max: 150 });
const deltas = fc.array(fc.constantFrom(5, 7, -10, 0), { maxLength: 60 });

const entries = fc.array(
  fc.record({
    agentId: fc.constantFrom('ann', 'bob', 'cyd'),
    skill: fc.constantFrom('seo', 'finance', null),
    outcome: fc.constantFrom(...OUTCOMES),
    quality: fc.option(fc.integer({ min: 0, max: 100 })),
    durationMs: fc.option(fc.integer({ min: 0, max: 5_000 })),
    team: fc.boolean(),
  }),
  { maxLength: 80 },
);

function numbered(drawn: readonly Omit<FoldableEntry, 'id' | 'delta'>[]): FoldableEntry[] {
  return drawn.map((one, id) => ({ ...one, id, delta: deltaFor(one) }));
}

function withoutPlace({ id, before, after }: AppliedEntry) {
  return { id, before, after };
}

test('the fold is the left fold of the deltas with the clamp after each, and never leaves 0–150', () => {
  fc.assert(
    fc.property(reputations, deltas, (start, changes) => {
      let reputation = start;
      for (const [i, { before, after }] of foldEntries(start, changes).entries()) {
        expect(before).toBe(reputation);
        reputation = Math.max(0, Math.min(150, reputation + changes[i]!));
        expect(after).toBe(reputation);
      }
    }),
  );
});

test('folding a history in two parts, cut anywhere, is folding it at once', () => {
  fc.assert(
    fc.property(reputations, deltas, fc.nat(), (start, changes, cut) => {
      const at = changes.length === 0 ? 0 : cut % changes.length;
      const first = foldEntries(start, changes.slice(0, at));
      const second = foldEntries(first.at(-1)?.after ?? start, changes.slice(at));
      expect([...first, ...second]).toEqual(foldEntries(start, changes));
    }),
  );
});

test('a fold of many agents applies every entry once, and each agent’s as if it were alone', () => {
  fc.assert(
    fc.property(entries, reputations, (drawn, start) => {
      const all = numbered(drawn);
      const starts = new Map([['ann', start]]);
      const plan = planFold(all, starts);
      expect(plan.applied.map((step) => step.id).toSorted((a, b) => a - b)).toEqual(all.map((one) => one.id));
      for (const agentId of ['ann', 'bob', 'cyd']) {
        const own = all.filter((one) => one.agentId === agentId);
        const alone = planFold(own, starts);
        const ownIds = new Set(own.map((one) => one.id));
        const applied = plan.applied.filter((step) => ownIds.has(step.id));
        expect(applied.map(withoutPlace)).toEqual(alone.applied.map(withoutPlace));
        expect(plan.agents.filter((one) => one.id === agentId)).toEqual(alone.agents);
      }
    }),
  );
});

test('what a fold adds up agrees with what it applied, with every entry counted in its skill or in none', () => {
  fc.assert(
    fc.property(entries, (drawn) => {
      const all = numbered(drawn);
      const plan = planFold(all, new Map());
      const answered = all.filter((one) => one.outcome !== 'market_failure');
      const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
      expect(sum(plan.agents.map((one) => one.accepted + one.failed))).toBe(answered.length);
      const withSkill = answered.filter((one) => one.skill !== null);
      expect(sum(plan.skills.map((one) => one.accepted + one.failed))).toBe(withSkill.length);
      for (const agent of plan.agents) {
        const ids = new Set(all.filter((one) => one.agentId === agent.id).map((one) => one.id));
        expect(plan.applied.findLast((step) => ids.has(step.id))?.after).toBe(agent.reputation);
      }
    }),
  );
});
