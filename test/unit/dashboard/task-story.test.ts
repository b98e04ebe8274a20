import { describe, expect, test } from 'vitest';
import type { EventType, TaskEvent } from '../../../src/contracts/events.ts';
import { sentenceOf, tellStory } from '../../../src/dashboard/task-story.ts';

let seq = 0;
const event = (type: EventType, data: Record<string, unknown>, atMs = 0): TaskEvent => ({
  seq: (seq += 1),
  taskId: 't',
  type,
  at: new Date(atMs).toISOString(),
  data,
});
const bid = (agentId: string, rank: number, more: Record<string, unknown> = {}) => ({
  agentId,
  rank,
  score: 100 - rank,
  parts: { reputation: 40, skillMatch: 20, load: 20 },
  ...more,
});

describe('the story of a task', () => {
  test('has the bids of all pools in the order of their ranks, the passes, and who won', () => {
    const { rounds } = tellStory([
      event('task.announced', { round: 1, requiredSkills: ['seo'] }),
      event('bids.received', { round: 1, pool: 'b', bids: [bid('bob', 2)], passes: [], passCounts: { NO_SKILL: 30 } }),
      event('bids.received', {
        round: 1,
        pool: 'a',
        bids: [bid('ann', 1), bid('eve', 3, { refused: 'OVERLOADED' })],
        passes: [{ agentId: 'pat', reason: 'UNHEALTHY' }],
        passCounts: { UNHEALTHY: 1 },
      }),
      event('task.awarded', { round: 1, policy: 'weighted', awards: [{ agentId: 'ann', subtaskId: 't-0' }] }),
    ]);
    expect(rounds).toHaveLength(1);
    const [round] = rounds;
    expect(round?.bids.map(({ agentId, refused }) => [agentId, refused])).toEqual([
      ['ann', undefined],
      ['bob', undefined],
      ['eve', 'OVERLOADED'],
    ]);
    expect(round?.passes).toEqual([{ agentId: 'pat', reason: 'UNHEALTHY', pool: 'a' }]);
    expect(round?.unlistedPasses).toBe(30);
    expect([...(round?.winners ?? [])]).toEqual(['ann']);
    expect(round?.pools).toEqual(['b', 'a']);
  });

  test('has each attempt with its own bar: a failed one, then the next of another agent', () => {
    const { attempts } = tellStory([
      event('subtask.started', { subtaskId: 't-0', agentId: 'ann', attempt: 1 }, 1_000),
      event('subtask.progress', { subtaskId: 't-0', percent: 30, note: 'reading' }, 1_200),
      event('subtask.failed', { subtaskId: 't-0', agentId: 'ann', code: 'TIMED_OUT' }, 2_000),
      event('subtask.started', { subtaskId: 't-0', agentId: 'bob', attempt: 2 }, 2_100),
      event('subtask.accepted', { subtaskId: 't-0', agentId: 'bob', durationMs: 400, quality: 91 }, 2_900),
    ]);
    expect(attempts).toMatchObject([
      { agentId: 'ann', state: 'failed', reason: 'TIMED_OUT', startedAtMs: 1_000, endedAtMs: 2_000, percent: 30 },
      { agentId: 'bob', state: 'accepted', startedAtMs: 2_100, endedAtMs: 2_500, percent: 100, quality: 91 },
    ]);
  });

  test('ends what runs when the task is cancelled', () => {
    const { attempts } = tellStory([
      event('subtask.started', { subtaskId: 't-0', agentId: 'ann', attempt: 1 }, 0),
      event('task.cancelled', {}, 700),
    ]);
    expect(attempts).toMatchObject([{ state: 'failed', endedAtMs: 700 }]);
  });

  test('takes events without any of their members', () => {
    const types: EventType[] = [
      'task.announced',
      'bids.received',
      'task.awarded',
      'subtask.started',
      'subtask.accepted',
    ];
    const { rounds, attempts } = tellStory(types.map((type) => event(type, {})));
    expect(rounds).toHaveLength(1);
    expect(attempts).toMatchObject([{ subtaskId: '?', agentId: '?' }]);
  });
});

describe('an event in words', () => {
  test.each([
    [
      'task.announced',
      { round: 2, subtaskId: 't-1', requiredSkills: ['seo'] },
      'Round 2 announced for part #1 · wants seo',
    ],
    ['bids.received', { pool: 'a', bids: [{}], passCounts: { NO_SKILL: 2 } }, 'Pool a answered: 1 bid, 2 passes'],
    ['subtask.failed', { subtaskId: 't-0', agentId: 'ann', code: 'TIMED_OUT' }, 'Part #0 of ann failed · timed out'],
    ['reputation.changed', { agentId: 'ann', before: 100, after: 90, delta: -10 }, 'Reputation of ann 100 → 90 (−10)'],
    ['task.escalated', { reason: 'too dear' }, 'Escalated: a person must decide · too dear'],
  ] as const)('%s', (type, data, text) => {
    expect(sentenceOf(event(type, data)).text).toBe(text);
  });

  test('of a type that this version does not know is its name', () => {
    expect(sentenceOf(event('task.paused' as EventType, {}))).toEqual({ text: 'task.paused', tone: 'plain' });
  });
});
