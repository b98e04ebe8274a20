import { describe, expect, test } from 'vitest';

import { WHOLE_TASK } from '../../../src/orchestrator/core/task-record.ts';
import { failed, reply, roundReceipt, TASK_ID, TaskStory } from '../../support/task-fixtures.ts';

function announced(spec: ConstructorParameters<typeof TaskStory>[0] = {}) {
  return new TaskStory(spec).must({ kind: 'announce', ord: WHOLE_TASK });
}

describe('announcing', () => {
  test('a round counts from 1 and grows with each announcement', () => {
    const story = announced().must({ kind: 'announce', ord: WHOLE_TASK });
    expect(story.task).toMatchObject({ status: 'announced', round: 2 });
    expect(story.eventsOf('task.announced').map((event) => event['round'])).toEqual([1, 2]);
  });

  test('what is awarded is not announced', () => {
    const story = TaskStory.awarded({ a: 'ann' });
    expect(story.do({ kind: 'announce', ord: WHOLE_TASK })).toBe('NOT_NOW');
    expect(story.do({ kind: 'announce', ord: 0 })).toBe('NOT_NOW');
    expect(story.do({ kind: 'announce', ord: 7 })).toBe('NOT_NOW');
  });

  test('a round that closes after a later one was announced is stale and changes nothing', () => {
    const story = announced();
    const late = story.closing({ kind: 'wait' });
    story.must({ kind: 'announce', ord: WHOLE_TASK });
    const before = structuredClone(story.task);
    expect(story.do(late)).toBe('STALE');
    expect(story.task).toEqual(before);
  });
});

describe('back-off between announcements', () => {
  test.each([
    [1, 500],
    [2, 1_000],
    [3, 2_000],
    [4, 4_000],
    [5, 5_000],
    [50, 5_000],
  ])('without a capable agent, after announcement %i the next one comes after %i ms', (tries, delayMs) => {
    const story = announced().closeRound({ kind: 'again', uncoveredSkills: ['b'] }, WHOLE_TASK, { tries });
    expect(story.effectsOf('delay_opening')).toEqual([
      { kind: 'delay_opening', ord: WHOLE_TASK, delayMs, incapable: true },
    ]);
    expect(story.task.status).toBe('announced');
  });

  test.each([
    [1, 500],
    [4, 4_000],
    [7, 32_000],
    [50, 60_000],
  ])(
    'where waiting can help, capacity wakes it, and announcement %i is repeated after %i ms at the latest',
    (tries, delayMs) => {
      const story = announced().closeRound({ kind: 'wait' }, WHOLE_TASK, { tries });
      expect(story.effectsOf('delay_opening')).toEqual([
        { kind: 'delay_opening', ord: WHOLE_TASK, delayMs, incapable: false },
      ]);
    },
  );

  test('the last one comes when biddingTimeMs is over, not later', () => {
    const story = announced().closeRound({ kind: 'again', uncoveredSkills: ['b'] }, WHOLE_TASK, {
      tries: 9,
      incapableMs: 29_900,
    });
    expect(story.effectsOf('delay_opening')).toMatchObject([{ delayMs: 100 }]);
  });

  test('each closed round has a receipt that says what came of it', () => {
    const story = announced().closeRound({ kind: 'wait' });
    story.must({ kind: 'announce', ord: WHOLE_TASK }).closeRound({ kind: 'again', uncoveredSkills: ['b'] });
    expect(story.effectsOf('receipt').map(({ receipt }) => [receipt.round, receipt.outcome])).toEqual([
      [1, 'waiting'],
      [2, 'announced_again'],
    ]);
  });
});

describe('NO_CAPABLE_AGENTS', () => {
  test.each([
    [29_999, 'announced'],
    [30_000, 'failed'],
  ])('a skill that no active agent has had for %i of 30000 ms: the task is %s', (incapableMs, status) => {
    const story = announced().closeRound({ kind: 'again', uncoveredSkills: ['b'] }, WHOLE_TASK, { incapableMs });
    expect(story.task.status).toBe(status);
  });

  test('names the uncovered skills, clears the board and leaves no entry', () => {
    const story = announced().closeRound({ kind: 'again', uncoveredSkills: ['b', 'c'] }, WHOLE_TASK, {
      incapableMs: 30_000,
    });
    expect(story.task.error).toMatchObject({ code: 'NO_CAPABLE_AGENTS', uncoveredSkills: ['b', 'c'] });
    expect(story.eventsOf('task.failed')).toMatchObject([{ code: 'NO_CAPABLE_AGENTS', uncoveredSkills: ['b', 'c'] }]);
    expect(story.effectsOf('clear_board')).toHaveLength(1);
    expect(story.entries()).toEqual([]);
  });

  test('waiting for a busy agent never ends the task, however long', () => {
    const story = announced().closeRound({ kind: 'wait' }, WHOLE_TASK, { tries: 1_000, incapableMs: 30_000 });
    expect(story.task.status).toBe('announced');
  });

  test('for one subtask it ends the task; its mates lose nothing', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }).deliver(0, failed).must({ kind: 'announce', ord: 0 });
    story.closeRound({ kind: 'again', uncoveredSkills: ['a'] }, 0, { incapableMs: 30_000 });
    expect(story.task).toMatchObject({ status: 'failed', error: { code: 'NO_CAPABLE_AGENTS' } });
    expect(story.entries()).toEqual([
      ['ann', 'failed', 'AGENT_FAILED'],
      ['bob', 'market_failure', 'TASK_ENDED'],
    ]);
  });

  test('for one subtask of a task that allows a part, the others go on, and the result is no success', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob' }, { allowPartial: true }).deliver(0, failed);
    story.must({ kind: 'announce', ord: 0 });
    story.closeRound({ kind: 'again', uncoveredSkills: ['a'] }, 0, { incapableMs: 30_000 });
    expect(story.subtask(0)).toMatchObject({ status: 'failed', error: { code: 'NO_CAPABLE_AGENTS' } });
    expect(story.effectsOf('close_board').at(-1)).toEqual({ kind: 'close_board', ord: 0 });
    story.deliver(1).synthesized();
    expect(story.task).toMatchObject({ status: 'completed', result: { success: false } });
  });
});

test('TEAM_TOO_SMALL ends the task at once and names what is left open', () => {
  const story = announced().closeRound({ kind: 'too_small', uncoveredSkills: ['d'] });
  expect(story.task).toMatchObject({ status: 'failed', error: { code: 'TEAM_TOO_SMALL', uncoveredSkills: ['d'] } });
});

describe('awarding', () => {
  test('makes subtasks <taskId>-<n> in order, each with attempt 1 and epoch 1, and opens their attempts', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob', c: 'ann' });
    expect(
      story.task.subtasks.map((one) => [one.id, one.ord, one.agentId, one.epoch, one.attempt, one.status]),
    ).toEqual([
      [`${TASK_ID}-0`, 0, 'ann', 1, 1, 'awarded'],
      [`${TASK_ID}-1`, 1, 'bob', 1, 1, 'awarded'],
      [`${TASK_ID}-2`, 2, 'ann', 1, 1, 'awarded'],
    ]);
    expect(
      story.effectsOf('open_attempt').map((one) => [one.subtaskId, one.epoch, one.agentId, one.timeoutMs]),
    ).toEqual([
      [`${TASK_ID}-0`, 1, 'ann', 60_000],
      [`${TASK_ID}-1`, 1, 'bob', 60_000],
      [`${TASK_ID}-2`, 1, 'ann', 60_000],
    ]);
  });

  test('states the team with each member’s skills and subtasks, in event, record and receipt', () => {
    const story = TaskStory.awarded({ a: 'ann', b: 'bob', c: 'ann' });
    const team = [
      { agentId: 'ann', skills: ['a', 'c'], score: 80, subtaskIds: [`${TASK_ID}-0`, `${TASK_ID}-2`] },
      { agentId: 'bob', skills: ['b'], score: 80, subtaskIds: [`${TASK_ID}-1`] },
    ];
    expect(story.task.team).toEqual(team);
    expect(story.eventsOf('task.awarded')).toMatchObject([{ round: 1, policy: 'weighted', team }]);
    expect(story.effectsOf('receipt')[0]?.receipt).toMatchObject({
      outcome: 'awarded',
      awards: [{ agentId: 'ann', epoch: 1 }, {}, {}],
    });
  });

  test('takes the opening off the board, once', () => {
    const story = TaskStory.awarded({ a: 'ann' });
    expect(story.effectsOf('close_board')).toEqual([{ kind: 'close_board', ord: WHOLE_TASK }]);
    expect(story.do(story.closing({ kind: 'wait' }))).toBe('NOT_NOW');
  });

  test('a part that nobody covers is a warning of the task that allows it', () => {
    const story = announced({ requiredSkills: ['a', 'z'], allowPartial: true }).award([
      { skills: ['a'], agentId: 'ann' },
    ]);
    expect(story.task.warnings).toMatchObject([{ rule: 'coverage', blame: [] }]);
    expect(story.eventsOf('validation.warning')).toHaveLength(1);
  });

  test('each pool’s bids are one event, with its bids, at most 20 passes and all counts', () => {
    const passes = Array.from({ length: 25 }, (_, i) => ({ agentId: `n${i}`, reason: 'NO_SKILL' as const }));
    const answer = { ...reply([], passes, 'one'), passCounts: { NO_SKILL: 25 } };
    const story = announced().closeRound({ kind: 'wait' }, WHOLE_TASK, {
      replies: [answer, reply([], [], 'two')],
      receipt: roundReceipt(1),
    });
    const [one, two] = story.eventsOf('bids.received');
    expect(one).toMatchObject({ pool: 'one', passCounts: { NO_SKILL: 25 } });
    expect(one?.['passes']).toHaveLength(20);
    expect(two).toMatchObject({ pool: 'two', passes: [] });
  });
});
