import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonIn } from '../../../src/agents/core/thinking/answer-text.ts';
import { costOf, outputAllowance } from '../../../src/agents/core/thinking/budget.ts';
import { changeVariables, mergeVariables } from '../../../src/agents/core/thinking/context-variables.ts';
import { judgeHandoff } from '../../../src/agents/core/thinking/handoff-rules.ts';
import { markerWith, visibleText } from '../../../src/agents/core/thinking/marked-data.ts';
import { mergePatch } from '../../../src/agents/core/thinking/merge-patch.ts';
import { modelFor } from '../../../src/agents/core/thinking/model-tier.ts';
import { isUsedUp, shareOfBudget } from '../../../src/orchestrator/core/budget-share.ts';

describe('context variables', () => {
  const present = { a: { x: 1, y: { z: 1 } }, b: 2 };

  it.each([
    ['shallow', { a: { y: { w: 2 } }, b: 2 }],
    ['deep', { a: { x: 1, y: { z: 1, w: 2 } }, b: 2 }],
    ['replace', { a: { y: { w: 2 } } }],
  ] as const)('are merged %s', (mode, expected) => {
    expect(mergeVariables(present, { a: { y: { w: 2 } } }, mode)).toEqual(expected);
  });

  it('that an agent may not write stay, also when it replaces all', () => {
    const rules = { write: ['b', 'c'], merge: 'replace' } as const;
    expect(changeVariables({ a: 1, b: 2 }, { a: 9, c: 3 }, rules)).toEqual({ a: 1, c: 3 });
  });

  it('reach no prototype', () => {
    const change = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as never;
    expect(Object.keys(mergeVariables({}, change, 'deep'))).toEqual([]);
  });
});

describe('a handoff', () => {
  const limits = { maxHandoffs: 10, allowCycles: true };
  const refusal = (chain: string[], to: string, of = limits) => {
    const judged = judgeHandoff(chain, to, of);
    return judged.allowed ? null : judged.refusal;
  };

  it('is refused from the tenth on where nine are allowed', () => {
    const chain = Array.from({ length: 10 }, (_, index) => `a${index}`);
    expect(refusal(chain.slice(0, 9), 'z', { ...limits, maxHandoffs: 9 })).toBeNull();
    expect(refusal(chain, 'z', { ...limits, maxHandoffs: 9 })).toBe('TOO_MANY_HANDOFFS');
  });

  it('to oneself, or to whoever had it, is a cycle', () => {
    expect(refusal(['a'], 'a', { ...limits, allowCycles: false })).toBe('CYCLE');
    expect(refusal(['a', 'b'], 'a', { ...limits, allowCycles: false })).toBe('CYCLE');
    expect(refusal(['a', 'b'], 'a')).toBeNull();
  });

  it('is ping-pong at the fourth pass between the same two, and not when a third comes in between', () => {
    expect(refusal(['a', 'b', 'a'], 'b')).toBeNull();
    expect(refusal(['a', 'b', 'a', 'b'], 'a')).toBe('PING_PONG');
    expect(refusal(['a', 'b', 'c', 'b'], 'a')).toBeNull();
  });
});

describe('the tokens that an answer may have', () => {
  const used = { inputTokens: 100, outputTokens: 100, costUsd: 0.5 };
  const price = { inputUsd: 0.001, outputUsd: 0.01 };

  it('are bounded by tokens and by money, whichever ends first', () => {
    expect(outputAllowance({}, used, 50, price)).toBe(Infinity);
    expect(outputAllowance({ maxTokens: 300 }, used, 50, price)).toBe(50);
    expect(outputAllowance({ maxTokens: 300, maxCostUsd: 0.65 }, used, 50, price)).toBe(10);
    expect(outputAllowance({ maxCostUsd: 0.5 }, used, 50, price)).toBe(0);
  });

  it('are not bounded by money where no price is known', () => {
    expect(outputAllowance({ maxCostUsd: 0.01 }, used, 50, null)).toBe(Infinity);
    expect(costOf(used, null)).toBe(0);
    expect(costOf(used, price)).toBeCloseTo(1.1);
  });
});

describe('a subtask’s share of the budget', () => {
  const part = (id: string, status: string) => ({ id, status });
  const usage = { inputTokens: 0, outputTokens: 0, costUsd: 0 };
  const spec = { budget: { maxTokens: 900, maxCostUsd: 3 } };

  it('is an equal part at the first award', () => {
    const subtasks = [part('a', 'awarded'), part('b', 'pending'), part('c', 'pending')];
    expect(shareOfBudget({ spec, usage, subtasks }, 'a')).toEqual({ maxTokens: 300, maxCostUsd: 1 });
  });

  it('has for another try what settled parts left over, and not what open parts may still use', () => {
    const subtasks = [part('a', 'pending'), part('b', 'accepted'), part('c', 'running')];
    const used = { inputTokens: 200, outputTokens: 150, costUsd: 1.5 };
    expect(shareOfBudget({ spec, usage: used, subtasks }, 'a')).toEqual({ maxTokens: 250, maxCostUsd: 0.5 });
  });

  it('is null without a budget, and used up at 0', () => {
    expect(shareOfBudget({ spec: {}, usage, subtasks: [part('a', 'pending')] }, 'a')).toEqual({
      maxTokens: null,
      maxCostUsd: null,
    });
    const used = { ...usage, inputTokens: 2_000 };
    expect(isUsedUp(shareOfBudget({ spec, usage: used, subtasks: [part('a', 'pending')] }, 'a'))).toBe(true);
    expect(isUsedUp({ maxTokens: null, maxCostUsd: null })).toBe(false);
  });

  it('never sums to more than the budget over subtasks that are awarded together', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 1e9 }), (count, maxTokens) => {
        const subtasks = Array.from({ length: count }, (_, index) => part(`s${index}`, 'pending'));
        const shares = subtasks.map(({ id }) =>
          shareOfBudget({ spec: { budget: { maxTokens } }, usage, subtasks }, id),
        );
        const sum = shares.reduce((total, share) => total + (share.maxTokens ?? 0), 0);
        return sum <= maxTokens;
      }),
    );
  });
});

describe('marked text', () => {
  it('never holds its own delimiter, whatever it says', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('data-aa', 'data-', 'aa', '<', '/', '>', '\u200b', 'x')), (parts) => {
        const marked = markerWith('data-aa').mark('s', parts.join(''), 1_000);
        expect(marked.split('data-aa')).toHaveLength(3);
      }),
    );
  });

  it('keeps what is read in any language, and loses what hides', () => {
    expect(visibleText('Größe 大きい\tمرحبا\n🙂', 100)).toBe('Größe 大きい\tمرحبا\n🙂');
    expect(visibleText('a\u0000b\u202ec\u{e0049}d\u200be', 100)).toBe('abcde');
    expect(visibleText('abcdef', 3)).toBe('abc\n[cut here: 3 more characters]');
  });
});

describe('small rules', () => {
  it('find the JSON in an answer', () => {
    expect(jsonIn('{"a": 1}')).toEqual({ a: 1 });
    expect(jsonIn('Sure!\n```json\n[1, 2]\n```\nDone.')).toEqual([1, 2]);
    expect(jsonIn('The answer is {"a": {"b": 2}}, I think.')).toEqual({ a: { b: 2 } });
    expect(jsonIn('no')).toBeUndefined();
  });

  it('choose the next larger model where a complexity has none, else the next smaller', () => {
    expect(modelFor({ complex: 'large' }, 'simple')).toBe('large');
    expect(modelFor({ simple: 'small' }, 'complex')).toBe('small');
    expect(() => modelFor({}, 'simple')).toThrow('no model');
  });

  it('merge a patch as RFC 7396 says', () => {
    expect(mergePatch({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: null, e: 3 }, d: [2] })).toEqual({
      a: { c: 2, e: 3 },
      d: [2],
    });
    expect(mergePatch(['x'], { a: 1 })).toEqual({ a: 1 });
    expect(mergePatch({ a: 1 }, [])).toEqual([]);
  });
});
