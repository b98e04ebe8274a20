import { describe, expect, test } from 'vitest';
import type { PoolReply } from '../../../src/contracts/bid.ts';
import { mergeReplies } from '../../../src/orchestrator/core/round.ts';
import { candidates, knownAgent, offer, reply, roundOf } from '../../support/task-fixtures.ts';

const ann = knownAgent('ann', ['a', 'x'], { reputation: 120 });
const bob = knownAgent('bob', ['b'], { reputation: 90 });
const both = knownAgent('both', ['a', 'b'], { reputation: 80 });
const busy = { slots: 4, reservedSlots: 4 };

describe('a round that can be awarded', () => {
  test('is awarded to the team that covers all skills, each member with its parts and its score', () => {
    const { outcome } = roundOf([ann, bob]);
    expect(outcome).toEqual({
      kind: 'award',
      parts: [
        { skills: ['a'], agentId: 'ann' },
        { skills: ['b'], agentId: 'bob' },
      ],
      members: [
        { agentId: 'ann', skills: ['a'], score: expect.closeTo(0.4 * 120 + (0.4 * 100) / 3 + 20) as number },
        { agentId: 'bob', skills: ['b'], score: expect.closeTo(0.4 * 90 + 0.4 * 50 + 20) as number },
      ],
    });
  });

  test('its receipt has each bid with its summands, and refused bids after all others with the reason', () => {
    const { receipt } = roundOf([ann, bob, knownAgent('idle', ['z'], { reputation: 150 })]);
    expect(receipt.bids.map((bid) => [bid.rank, bid.agentId, bid.refused])).toEqual([
      [1, 'ann', undefined],
      [2, 'bob', undefined],
      [3, 'idle', 'NO_SKILL'],
    ]);
    for (const { parts, score } of receipt.bids)
      expect(parts.reputation + parts.skillMatch + parts.load).toBeCloseTo(score);
  });

  test('judges a bid by the market’s records of load, skills and reputation, not by what the bidder says', () => {
    const loaded = knownAgent('ann', ['a'], { reservedSlots: 2 });
    const { receipt } = roundOf([loaded, bob], {
      replies: [reply([offer('ann', { loadPercent: 0, confidence: 0.9 }), offer('bob')])],
    });
    expect(receipt.bids.find((bid) => bid.agentId === 'ann')).toMatchObject({ loadPercent: 50, confidence: 0.9 });
  });

  test('a bid for an agent of another pool than the bidder’s is refused', () => {
    const { receipt } = roundOf([{ ...both, pool: 'elsewhere' }]);
    expect(receipt.bids).toMatchObject([{ agentId: 'both', refused: 'UNKNOWN_AGENT' }]);
  });

  test('the same bids in another order, from other pools first, give the same receipt', () => {
    const agents = [ann, { ...bob, pool: 'other' }, both];
    const replies = [reply([offer('ann'), offer('both')]), reply([offer('bob')], [], 'other')];
    const backwards = [reply([offer('bob')], [], 'other'), reply([offer('both'), offer('ann')])];
    expect(roundOf(agents, { replies: backwards })).toEqual(roundOf(agents, { replies }));
  });

  test('a simple task that nobody covers alone goes to a team, and the receipt has the note', () => {
    const { outcome, receipt } = roundOf([ann, bob], { complexity: 'simple' });
    expect(outcome).toMatchObject({ kind: 'award', parts: [{ agentId: 'ann' }, { agentId: 'bob' }] });
    expect(receipt.note).toContain('moderate');
  });

  test('the counts of passes are summed over the pools, and silent pools are named', () => {
    const pass = (pool: string, count: number) => ({ ...reply([], [], pool), passCounts: { NO_SKILL: count } });
    const { receipt } = roundOf([ann], { replies: [pass('one', 2), pass('two', 3)], silentPools: ['three'] });
    expect(receipt).toMatchObject({ passCounts: { NO_SKILL: 5 }, silentPools: ['three'] });
  });
});

describe('a round that cannot be awarded', () => {
  test('waits while each open skill has an active agent of the domain, though it is full', () => {
    expect(roundOf([ann, { ...bob, ...busy }]).outcome).toEqual({ kind: 'wait' });
  });

  test('waits while each open skill has an active agent, though that one did not bid', () => {
    expect(roundOf([ann, bob], { replies: [reply([offer('ann')])] }).outcome).toEqual({ kind: 'wait' });
  });

  test('allowPartial does not begin without a skill that only needs waiting for', () => {
    expect(roundOf([ann, { ...bob, ...busy }], { allowPartial: true }).outcome).toEqual({ kind: 'wait' });
  });

  test('is announced again when no active agent has a skill, and names the skills that nobody has', () => {
    expect(roundOf([ann, bob], { requiredSkills: ['a', 'b', 'y', 'z'] }).outcome).toEqual({
      kind: 'again',
      uncoveredSkills: ['y', 'z'],
    });
  });

  test('with allowPartial it is begun without the skills that no active agent has', () => {
    const { outcome, receipt } = roundOf([ann], { requiredSkills: ['a', 'z'], allowPartial: true });
    expect(outcome).toMatchObject({ kind: 'award', parts: [{ skills: ['a'], agentId: 'ann' }] });
    expect(receipt.uncoveredSkills).toEqual(['z']);
  });

  test('with allowPartial it is not begun when nothing at all is covered', () => {
    expect(roundOf([bob], { requiredSkills: ['y', 'z'], allowPartial: true }).outcome.kind).toBe('again');
  });

  test('a task without required skills is announced again while the market has no active agent', () => {
    expect(roundOf([], { requiredSkills: [] }).outcome).toEqual({ kind: 'again', uncoveredSkills: [] });
    expect(roundOf([{ ...ann, ...busy }], { requiredSkills: [], complexity: 'simple' }).outcome).toEqual({
      kind: 'wait',
    });
  });

  const four = ['a', 'b', 'c', 'd'].map((skill) => knownAgent(`only-${skill}`, [skill]));

  test('is too small when no team of 3 active agents covers the four skills of a moderate task', () => {
    const { outcome } = roundOf(four, { requiredSkills: ['a', 'b', 'c', 'd'] });
    expect(outcome).toMatchObject({ kind: 'too_small' });
  });

  test('a team that is too small is begun with allowPartial', () => {
    const { outcome } = roundOf(four, { requiredSkills: ['a', 'b', 'c', 'd'], allowPartial: true });
    expect(outcome).toMatchObject({ kind: 'award', parts: [{}, {}, {}] });
  });

  test('waits when a full agent could make the team large enough', () => {
    const wide = knownAgent('wide', ['b', 'c', 'd'], busy);
    expect(roundOf([...four, wide], { requiredSkills: ['a', 'b', 'c', 'd'] }).outcome).toEqual({ kind: 'wait' });
  });

  test('is too small, not waiting for ever, when all active agents have bid and both greeds leave a skill open', () => {
    const agents = [
      knownAgent('ends', ['b', 'c'], { reputation: 150 }),
      knownAgent('front', ['a', 'b'], { reputation: 100 }),
      knownAgent('back', ['c', 'd'], { reputation: 50 }),
    ];
    const { outcome } = roundOf(agents, {
      requiredSkills: ['a', 'b', 'c', 'd'],
      maxTeamSize: 2,
      activeAgents: candidates({ front: 'a b', back: 'c d', ends: 'b c' }),
    });
    expect(outcome.kind).toBe('too_small');
  });
});

describe('the round of a subtask', () => {
  const ofSubtask = { subtaskId: 'task-0', complexity: 'simple' } as const;

  test('goes to one agent that covers all of its skills', () => {
    expect(roundOf([ann, bob, both], ofSubtask).outcome).toMatchObject({
      kind: 'award',
      parts: [{ skills: ['a', 'b'], agentId: 'both' }],
    });
  });

  test('never to a team: it waits for the agent that covers all of its skills, though others cover them together', () => {
    expect(roundOf([ann, bob, { ...both, ...busy }], ofSubtask).outcome).toEqual({ kind: 'wait' });
  });

  test('never to a team: without an active agent that covers all of its skills it is announced again', () => {
    expect(roundOf([ann, bob], ofSubtask).outcome).toEqual({ kind: 'again', uncoveredSkills: ['a', 'b'] });
  });

  test('never in part, even with allowPartial', () => {
    expect(roundOf([ann], { ...ofSubtask, allowPartial: true }).outcome.kind).toBe('again');
  });

  test('lets nobody stand who has failed at it, and waits for who has not', () => {
    const other = knownAgent('other', ['a', 'b'], busy);
    const { outcome, receipt } = roundOf([both, other], { ...ofSubtask, alreadyTried: new Set(['both']) });
    expect(receipt.bids.map((bid) => [bid.agentId, bid.refused])).toContainEqual(['both', 'ALREADY_TRIED']);
    expect(outcome).toEqual({ kind: 'wait' });
  });
});

describe('merging what the processes of one pool answer', () => {
  const answer = (changes: Partial<PoolReply>): PoolReply => ({
    taskId: 't',
    round: 1,
    bids: [],
    passes: [],
    passCounts: {},
    ...changes,
  });

  test('a bid of one process stands before the pass of another', () => {
    const merged = mergeReplies('pool', [
      answer({ passes: [{ agentId: 'ann', reason: 'OVERLOADED' }], passCounts: { OVERLOADED: 1 } }),
      answer({ bids: [offer('ann')] }),
    ]);
    expect(merged).toEqual({ pool: 'pool', bids: [offer('ann')], passes: [], passCounts: {} });
  });

  test('two bids for one agent are one', () => {
    expect(
      mergeReplies('pool', [answer({ bids: [offer('ann')] }), answer({ bids: [offer('ann')] })]).bids,
    ).toHaveLength(1);
    expect(mergeReplies('pool', [answer({ bids: [offer('ann'), offer('ann')] })]).bids).toHaveLength(1);
  });

  test('an agent that passes in every process is counted once', () => {
    const pass = answer({ passes: [{ agentId: 'ann', reason: 'UNHEALTHY' }], passCounts: { UNHEALTHY: 1 } });
    expect(mergeReplies('pool', [pass, pass])).toMatchObject({
      passes: [{ agentId: 'ann' }],
      passCounts: { UNHEALTHY: 1 },
    });
  });
});
