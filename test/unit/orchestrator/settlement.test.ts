import { describe, expect, test } from 'vitest';
import { MAX_LOST_LEASES } from '../../../src/orchestrator/core/transitions/settlement.ts';
import {
  accepted,
  failed,
  rejected,
  successorsNamed,
  taskResult,
  TASK_ID,
  TaskStory,
  timedOut,
} from '../../support/task-fixtures.ts';

describe('an attempt', () => {
  test('that starts makes the task run; a second start is refused', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).start(1);
    expect(story.task).toMatchObject({ status: 'running', startedAt: new Date(story.nowMs) });
    const { id: subtaskId, epoch } = story.subtask(1);
    expect(story.do({ kind: 'start', subtaskId, epoch, at: new Date() })).toBe('NOT_NOW');
  });

  test('that delivers before its start was read is started and settled at once', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).deliver(0);
    expect(story.events.slice(-2).map((event) => event.type)).toEqual(['subtask.started', 'subtask.accepted']);
    expect(story.subtask(0)).toMatchObject({ status: 'accepted', progressPercent: 100 });
  });

  test('that is accepted is closed with one entry of its quality, its duration and its skill', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).deliver(0, accepted(95));
    expect(story.effectsOf('close_attempt')).toMatchObject([
      { subtaskId: `${TASK_ID}-0`, epoch: 1, verdict: 'accepted' },
    ]);
    expect(story.effectsOf('ledger')).toMatchObject([
      {
        entry: {
          effectKey: `attempt:${TASK_ID}-0:1`,
          agentId: 'ann',
          skill: 'a',
          outcome: 'accepted',
          quality: 95,
          qualitySource: 'check',
          durationMs: 40,
          team: true,
        },
      },
    ]);
  });

  test('of a simple task moves reputation like any other', () => {
    const story = TaskStory.awarded({ a: 'ann' }).deliver(0, accepted(), {
      sole: { result: taskResult(), warnings: [] },
    });
    expect(story.effectsOf('ledger')).toMatchObject([{ entry: { agentId: 'ann', outcome: 'accepted', team: false } }]);
  });

  test('tells its progress only while it runs', () => {
    const story = TaskStory.awarded({ a: 'ann' });
    const { id: subtaskId, epoch } = story.subtask(0);
    const progress = { kind: 'progress', subtaskId, epoch, percent: 40, note: null } as const;
    expect(story.do(progress)).toBe('NOT_NOW');
    story.start(0).must(progress);
    expect(story.subtask(0).progressPercent).toBe(40);
  });

  test('adds its usage to the task’s', () => {
    const usage = { inputTokens: 3, outputTokens: 2, costUsd: 0.5 };
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' })
      .deliver(0, accepted(), { usage })
      .deliver(1, accepted(), { usage });
    expect(story.task.usage).toEqual({ inputTokens: 6, outputTokens: 4, costUsd: 1 });
  });
});

describe('an answer that does not hold', () => {
  test.each([
    ['failed', failed, 'AGENT_FAILED'],
    ['rejected', rejected, 'SCHEMA_MISMATCH'],
    ['timed_out', timedOut, 'TIMED_OUT'],
  ] as const)(
    '%s: one entry for the agent, and the next-ranked bidder gets it with epoch + 1 and attempt + 1',
    (outcome, verdict, code) => {
      const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).deliver(0, verdict, {
        successors: successorsNamed('cyd', 'dee'),
      });
      expect(story.entries()).toEqual([['ann', outcome, code]]);
      expect(story.subtask(0)).toMatchObject({
        agentId: 'cyd',
        epoch: 2,
        attempt: 2,
        status: 'awarded',
        tried: ['ann'],
        lostLeases: 0,
      });
      expect(story.eventsOf('subtask.reassigned')).toMatchObject([
        { from: 'ann', to: 'cyd', epoch: 2, attempt: 2, reason: code },
      ]);
      expect(story.task.team.map((member) => member.agentId)).toEqual(['bob', 'cyd']);
    },
  );

  test('without a successor it goes back to the board for a round of its own', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).deliver(0, failed);
    expect(story.effectsOf('open_board')).toEqual([{ kind: 'open_board', ord: 0, skills: ['a'] }]);
    expect(story.subtask(0)).toMatchObject({ status: 'pending', agentId: null, epoch: 1, attempt: 2 });
    story.must({ kind: 'announce', ord: 0 }).award([{ skills: ['a'], agentId: 'cyd' }], 0);
    expect(story.subtask(0)).toMatchObject({ status: 'awarded', agentId: 'cyd', epoch: 2, attempt: 2, round: 2 });
  });

  test.each([1, 2, 3])(
    'maxAttempts %i: so many answers that do not hold end the subtask and with it the task',
    (maxAttempts) => {
      const story = TaskStory.awarded({ a: 'ann', b: 'bob' }, { maxAttempts });
      for (let attempt = 1; attempt < maxAttempts; attempt += 1)
        story.deliver(0, failed, { successors: successorsNamed('cyd') });
      expect(story.task.status).not.toBe('failed');
      story.deliver(0, failed, { successors: successorsNamed('cyd') });
      expect(story.task).toMatchObject({ status: 'failed', error: { code: 'AGENT_FAILED' } });
      expect(story.eventsOf('subtask.failed').map((event) => event['final'])).toEqual([
        ...Array.from({ length: maxAttempts - 1 }, () => false),
        true,
      ]);
    },
  );

  test('the end of one subtask costs its mates nothing, and is recorded so', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }, { maxAttempts: 1 }).deliver(0, rejected);
    expect(story.entries()).toEqual([
      ['ann', 'rejected', 'SCHEMA_MISMATCH'],
      ['bob', 'market_failure', 'TASK_ENDED'],
    ]);
    expect(story.subtask(1).status).toBe('cancelled');
  });
});

describe('a late delivery', () => {
  test('of epoch 1 after epoch 2 was awarded is STALE: task, ledger and events unchanged', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' });
    const late = story.delivery(0);
    story.deliver(0, failed, { successors: successorsNamed('cyd') });
    const before = structuredClone({ task: story.task, events: story.events, effects: story.effects });
    expect(story.do(late)).toBe('STALE');
    expect(story.do(story.delivery(0, accepted(), { epoch: 3 }))).toBe('STALE');
    expect({ task: story.task, events: story.events, effects: story.effects }).toEqual(before);
  });

  test('told twice is accepted once', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' });
    const delivery = story.delivery(0);
    expect([story.do(delivery), story.do(delivery)]).toEqual([undefined, 'STALE']);
    expect(story.entries()).toHaveLength(1);
  });

  test('of a subtask that the task does not have is refused', () => {
    const story = TaskStory.awarded({ a: 'ann' });
    expect(story.do(story.delivery(0, accepted(), { subtaskId: `${TASK_ID}-9` }))).toBe('UNKNOWN_SUBTASK');
  });
});

describe('a lost lease', () => {
  test('costs the agent nothing, leaves the attempt and grows the epoch, once for the loss and once for the new award', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).start(0).loseLease(0, ['cyd']);
    expect(story.entries()).toEqual([['ann', 'market_failure', 'LEASE_LOST']]);
    expect(story.subtask(0)).toMatchObject({
      agentId: 'cyd',
      epoch: 3,
      attempt: 1,
      lostLeases: 1,
      tried: [],
      startedAt: null,
    });
  });

  test('without a successor grows the epoch by one and opens the board', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).loseLease(0);
    expect(story.subtask(0)).toMatchObject({ status: 'pending', epoch: 2, attempt: 1 });
    expect(story.effectsOf('open_board')).toHaveLength(1);
  });

  test('may be given to the same agent again: it has not failed', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).loseLease(0, ['ann']);
    expect(story.subtask(0)).toMatchObject({ agentId: 'ann', epoch: 3 });
  });

  test('the fourth goes on, the fifth fails the subtask with TOO_MANY_CRASHES', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' });
    for (let lost = 1; lost < MAX_LOST_LEASES; lost += 1) story.loseLease(0, ['ann']);
    expect(story.subtask(0)).toMatchObject({ status: 'awarded', lostLeases: 4 });
    story.loseLease(0, ['ann']);
    expect(story.task).toMatchObject({ status: 'failed', error: { code: 'TOO_MANY_CRASHES' } });
    expect(story.entries().filter(([agentId]) => agentId === 'ann')).toEqual(
      Array.from({ length: 5 }, () => ['ann', 'market_failure', 'LEASE_LOST']),
    );
  });

  test.each(['HANDED_BACK', 'UNCLAIMED'] as const)('counts towards that limit, %s does not', (reason) => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' });
    for (let lost = 0; lost <= MAX_LOST_LEASES; lost += 1) story.loseLease(0, ['ann'], reason);
    expect(story.subtask(0)).toMatchObject({ status: 'awarded', lostLeases: 0 });
    expect(story.entries()).toEqual(Array.from({ length: 6 }, () => ['ann', 'market_failure', reason]));
  });

  test('failed answers in between do not begin the count anew', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' });
    for (let lost = 1; lost < MAX_LOST_LEASES; lost += 1) story.loseLease(0, ['ann']);
    story.deliver(0, failed, { successors: successorsNamed('cyd') }).loseLease(0, ['cyd']);
    expect(story.task.error?.code).toBe('TOO_MANY_CRASHES');
  });
});

describe('a part of a task', () => {
  test('with allowPartial a failed subtask is not the end: the others are put together, without success', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }, { allowPartial: true, maxAttempts: 1 }).deliver(0, failed);
    expect(story.task.status).toBe('running');
    story.deliver(1);
    expect(story.eventsOf('task.synthesizing')).toEqual([{ subtasks: [`${TASK_ID}-1`] }]);
    story.synthesized();
    expect(story.task).toMatchObject({ status: 'completed', result: { success: false } });
  });

  test('with allowPartial and nothing accepted the task fails with the first subtask’s reason', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }, { allowPartial: true, maxAttempts: 1 });
    story.deliver(0, timedOut).deliver(1, failed);
    expect(story.task).toMatchObject({ status: 'failed', error: { code: 'TIMED_OUT' } });
  });
});

test('an accepted subtask does not change any more: a lost lease of its epoch is refused', () => {
  const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).deliver(0);
  const { id: subtaskId, epoch } = story.subtask(0);
  expect(story.do({ kind: 'lose_lease', subtaskId, epoch, reason: 'LEASE_LOST', successors: [] })).toBe('STALE');
});
