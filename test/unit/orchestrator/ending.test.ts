import { describe, expect, test } from 'vitest';
import { WHOLE_TASK } from '../../../src/orchestrator/core/task-record.ts';
import { accepted, failed, taskResult, TASK_ID, TaskStory } from '../../support/task-fixtures.ts';

const warning = { rule: 'budget', message: 'over', blame: ['a'] };

describe('synthesis', () => {
  test('begins when the last subtask is settled, once, with the task’s epoch + 1', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).deliver(0);
    expect(story.effectsOf('begin_synthesis')).toEqual([]);
    story.deliver(1);
    expect(story.effectsOf('begin_synthesis')).toEqual([{ kind: 'begin_synthesis', epoch: 1 }]);
    expect(story.task).toMatchObject({ status: 'synthesizing', epoch: 1 });
  });

  test('completes the task with success, its warnings and its result', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' })
      .deliver(0)
      .deliver(1)
      .synthesized({ warnings: [warning] });
    expect(story.task).toMatchObject({
      status: 'completed',
      warnings: [warning],
      result: { success: true, warnings: [warning] },
    });
    expect(story.eventsOf('task.completed')).toMatchObject([{ success: true, warnings: 1 }]);
  });

  test('of an older epoch is STALE, and before the last settlement it is not now', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).deliver(0);
    const finish = {
      kind: 'finish_synthesis',
      epoch: 0,
      result: taskResult(),
      warnings: [],
      rejections: [],
      successors: new Map<string, never[]>(),
    } as const;
    expect(story.do({ ...finish, rejections: [], warnings: [] })).toBe('NOT_NOW');
    story.deliver(1);
    expect(story.do({ ...finish, rejections: [], warnings: [] })).toBe('STALE');
  });

  test('a task of one subtask is synthesised inside its settlement', () => {
    const story = TaskStory.awarded({ a: 'ann' }).deliver(0, accepted(), {
      sole: { result: taskResult(), warnings: [warning] },
    });
    expect(story.task).toMatchObject({ status: 'completed', result: { success: true, warnings: [warning] } });
    expect(story.effectsOf('begin_synthesis')).toEqual([]);
  });

  test('success needs every required skill: a task begun in part is completed without it', () => {
    const story = new TaskStory({ requiredSkills: ['a', 'z'], allowPartial: true }).must({
      kind: 'announce',
      ord: WHOLE_TASK,
    });
    story
      .award([{ skills: ['a'], agentId: 'ann' }])
      .deliver(0, accepted(), { sole: { result: taskResult(), warnings: [] } });
    expect(story.task).toMatchObject({
      status: 'completed',
      result: { success: false, warnings: [{ rule: 'coverage' }] },
    });
  });
});

describe('a delivery that a rule may take back', () => {
  const blamable = { blamableSkills: ['a'] };

  test('is accepted provisionally, without an entry, until cross-validation', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }, blamable).deliver(0).deliver(1);
    expect(story.effectsOf('close_attempt').map((one) => one.verdict)).toEqual(['provisional', 'accepted']);
    expect(story.entries()).toEqual([['bob', 'accepted', null]]);
    story.synthesized();
    expect(story.entries()).toEqual([
      ['bob', 'accepted', null],
      ['ann', 'accepted', null],
    ]);
    expect(story.effectsOf('reverse_attempt')).toMatchObject([{ subtaskId: `${TASK_ID}-0`, verdict: 'accepted' }]);
  });

  test('is rejected by a broken rule with one entry, and goes to the next agent', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }, blamable).deliver(0, accepted(99)).deliver(1);
    story.taken({ budget: ['a'] }, { [`${TASK_ID}-0`]: ['cyd'] });
    expect(story.task.status).toBe('running');
    expect(story.subtask(0)).toMatchObject({ agentId: 'cyd', epoch: 2, attempt: 2, quality: null });
    expect(story.subtask(1)).toMatchObject({ status: 'accepted', epoch: 1 });
    expect(story.entries().at(-1)).toEqual(['ann', 'rejected', 'RULE_BROKEN']);
    expect(story.effectsOf('ledger').at(-1)?.entry.quality).toBeNull();
    story.deliver(0).synthesized();
    expect(story.task).toMatchObject({ status: 'completed', epoch: 2 });
  });

  test('is entered as accepted when the task is cancelled before cross-validation', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }, blamable).deliver(0).must({ kind: 'cancel' });
    expect(story.entries()).toEqual([
      ['bob', 'market_failure', 'CANCELLED'],
      ['ann', 'accepted', null],
    ]);
  });

  test('of a task of one subtask is final at once', () => {
    const story = TaskStory.awarded({ a: 'ann' }, blamable).deliver(0, accepted(), {
      sole: { result: taskResult(), warnings: [] },
    });
    expect(story.effectsOf('close_attempt')).toMatchObject([{ verdict: 'accepted' }]);
    expect(story.entries()).toEqual([['ann', 'accepted', null]]);
  });

  test('rejected at its last attempt ends the task; another that was blamed too is not given away any more', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }, { blamableSkills: ['a', 'b'], maxAttempts: 2 });
    story
      .deliver(0, failed)
      .must({ kind: 'announce', ord: 0 })
      .award([{ skills: ['a'], agentId: 'cyd' }], 0);
    story
      .deliver(0)
      .deliver(1)
      .taken({ one: ['b'], two: ['a'] }, { [`${TASK_ID}-1`]: ['dee'] });
    expect(story.task).toMatchObject({ status: 'failed', error: { code: 'RULE_BROKEN' } });
    expect(story.effectsOf('open_attempt').map((one) => one.agentId)).toEqual(['ann', 'bob', 'cyd']);
    expect(story.entries().slice(-2).toSorted()).toEqual([
      ['bob', 'rejected', 'RULE_BROKEN'],
      ['cyd', 'rejected', 'RULE_BROKEN'],
    ]);
  });

  test('two rejected at their last attempt in a task that allows a part: one new synthesis of the rest, not two', () => {
    const story = TaskStory.awarded(
      { a: 'ann', b: 'bob', c: 'cyd' },
      { blamableSkills: ['a', 'b'], maxAttempts: 1, allowPartial: true },
    );
    story
      .deliver(0)
      .deliver(1)
      .deliver(2)
      .taken({ one: ['a'], two: ['b'] });
    expect(story.effectsOf('begin_synthesis').map((one) => one.epoch)).toEqual([1, 2]);
    expect(story.eventsOf('task.synthesizing')).toHaveLength(2);
    story.synthesized();
    expect(story.task).toMatchObject({ status: 'completed', result: { success: false } });
  });

  test('a verdict that was final is not taken back: a rule that blames it is a warning, and no second entry is made', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }, blamable)
      .deliver(0)
      .deliver(1)
      .taken({ budget: ['b'] });
    expect(story.task).toMatchObject({ status: 'completed', result: { success: true } });
    expect(story.task.warnings).toEqual([{ rule: 'budget', message: 'budget does not hold', blame: ['b'] }]);
    expect(story.entries().filter(([agentId]) => agentId === 'bob')).toEqual([['bob', 'accepted', null]]);
  });
});

describe('a task that is stopped', () => {
  test.each([
    ['cancel', 'cancelled', 'CANCELLED'],
    ['expire', 'expired', 'DEADLINE_PASSED'],
  ] as const)(
    '%s costs no agent anything: what runs is closed, with an entry of market failure',
    (kind, status, code) => {
      const story = TaskStory.awarded({ a: 'ann', b: 'bob', c: 'cyd' }).start(0).deliver(2).must({ kind });
      expect(story.task).toMatchObject({ status, error: { code }, finishedAt: new Date(story.nowMs) });
      expect(story.entries()).toEqual([
        ['cyd', 'accepted', null],
        ['ann', 'market_failure', code],
        ['bob', 'market_failure', code],
      ]);
      expect(story.task.subtasks.map((one) => one.status)).toEqual(['cancelled', 'cancelled', 'accepted']);
      expect(story.effectsOf('clear_board')).toHaveLength(1);
    },
  );

  test('before an award leaves no attempt and no entry', () => {
    const story = new TaskStory().must({ kind: 'announce', ord: WHOLE_TASK }).must({ kind: 'cancel' });
    expect(story.task.status).toBe('cancelled');
    expect(story.entries()).toEqual([]);
  });

  test('absorbs: delivery, award, synthesis, cancel and deadline are refused, and nothing changes', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' });
    const late = story.delivery(0);
    story.must({ kind: 'cancel' });
    const before = structuredClone(story.task);
    for (const command of [
      late,
      { kind: 'cancel' },
      { kind: 'expire' },
      { kind: 'announce', ord: WHOLE_TASK },
    ] as const) {
      expect(story.do(command)).toBe('ENDED');
    }
    expect(story.task).toEqual(before);
  });

  test('still takes a change of reputation and a late message as events, seq without a gap', () => {
    const story = TaskStory.awarded({ a: 'ann' }).must({ kind: 'cancel' });
    const last = story.task.eventSeq;
    story.must({ kind: 'record_reputation', change: { agentId: 'ann', before: 100, after: 100, delta: 0 } });
    story.must({ kind: 'say', message: { from: 'ann', to: null, topic: 'bye', subtaskId: `${TASK_ID}-0` } });
    expect(story.events.slice(-2).map((event) => [event.seq, event.type])).toEqual([
      [last + 1, 'reputation.changed'],
      [last + 2, 'message.sent'],
    ]);
    expect(story.task.status).toBe('cancelled');
  });
});
