import pc from 'picocolors';
import { describe, expect, test } from 'vitest';
import { renderEvent, withTime } from '../../../src/cli/render-event.ts';
import { EVENT_TYPES, type EventType, type TaskEvent } from '../../../src/contracts/events.ts';

const TASK_ID = '01936f0e-7a3c-7000-8000-000000000000';

const event = (type: EventType, data: Record<string, unknown> = {}): TaskEvent => ({
  seq: 1,
  taskId: TASK_ID,
  type,
  at: '2026-01-01T00:00:01.250Z',
  data,
});

const render = (type: EventType, data?: Record<string, unknown>, skills: Record<string, string[]> = {}) =>
  renderEvent(event(type, data), { colors: pc.createColors(false), skillsOf: (subtaskId) => skills[subtaskId] ?? [] });

describe('renderEvent', () => {
  test.each(EVENT_TYPES)('%s without any data is told in words, without "undefined" or an empty line', (type) => {
    const lines = render(type);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      expect(line).not.toMatch(/undefined|NaN|null|\[object/);
      expect(line.trim()).not.toBe('');
    }
  });

  test('a type that this version does not know is named as it is', () => {
    expect(render('task.teleported' as EventType)).toEqual(['task.teleported']);
  });

  test('an announcement tells its round and the skills that it wants', () => {
    expect(render('task.announced', { round: 2, requiredSkills: ['finance', 'seo'] })).toEqual([
      'announced   round 2 · wants finance, seo',
    ]);
  });

  test('a scored bid tells its score as the sum of its parts, each with the value that it comes from', () => {
    const bid = {
      agentId: 'finance',
      reputation: 100,
      skillMatch: 14.285714,
      loadPercent: 25,
      parts: { reputation: 40, skillMatch: 5.714286, load: 15 },
      score: 60.714286,
      rank: 1,
      confidence: 0.9,
      estimatedMs: 1_500,
      estimatedCostUsd: 0.002,
    };
    expect(render('bids.received', { round: 1, pool: 'builtin', bids: [bid], passes: [], passCounts: {} })).toEqual([
      'bid         finance · pool builtin · 60.71 = 40 (reputation 100) + 5.71 (skill match 14.29) + 15 (load 25 %) · rank 1 · confidence 0.9 · estimates 1.5 s · estimates $0.002',
    ]);
  });

  test('a refused bid tells why the market did not let it stand', () => {
    expect(render('bids.received', { bids: [{ agentId: 'liar', refused: 'NO_SKILL' }] })[0]).toContain(
      'refused: NO_SKILL',
    );
  });

  test('each pass tells its reason, and passes that are only counted are told as a number', () => {
    const data = {
      pool: 'p',
      bids: [],
      passes: [{ agentId: 'a', reason: 'OVERLOADED' }],
      passCounts: { OVERLOADED: 1, NO_SKILL: 480 },
    };
    expect(render('bids.received', data)).toEqual([
      'pass        a · pool p · OVERLOADED',
      'pass        480 more · pool p',
    ]);
  });

  test('a pool that answers for no agent is told as no bids', () => {
    expect(render('bids.received', { pool: 'p', bids: [], passes: [], passCounts: {} })).toEqual([
      'no bids     pool p',
    ]);
  });

  test('an award to a team tells its members and each award with its attempt', () => {
    const data = {
      round: 1,
      policy: 'weighted',
      team: [
        { agentId: 'marketing', skills: ['marketing'] },
        { agentId: 'finance', skills: ['finance'] },
      ],
      awards: [
        { subtaskId: `${TASK_ID}-0`, agentId: 'marketing', epoch: 1, attempt: 1 },
        { subtaskId: `${TASK_ID}-1`, agentId: 'finance', epoch: 1, attempt: 1 },
      ],
    };
    expect(render('task.awarded', data)).toEqual([
      'awarded     round 1 · by policy weighted',
      'team        marketing · marketing',
      'team        finance · finance',
      'award       #0 → marketing · attempt 1',
      'award       #1 → finance · attempt 1',
    ]);
  });

  test('a subtask is named by its ordinal and by the skills of the event itself, else by those known from its start', () => {
    const data = { subtaskId: `${TASK_ID}-2`, agentId: 'finance', attempt: 1 };
    expect(render('subtask.started', { ...data, skills: ['budgeting'] })[0]).toContain('#2 budgeting · finance');
    expect(render('subtask.failed', data, { [data.subtaskId]: ['finance', 'seo'] })[0]).toContain(
      '#2 finance+seo · finance',
    );
  });

  test('an accepted delivery of unknown quality shows none; a known one shows its source', () => {
    const data = { subtaskId: `${TASK_ID}-0`, agentId: 'a', quality: null, qualitySource: null, durationMs: 12 };
    expect(render('subtask.accepted', data)[0]).not.toContain('quality');
    expect(render('subtask.accepted', { ...data, quality: 87.5, qualitySource: 'check' })[0]).toContain(
      'quality 87.5 by check',
    );
  });

  test('a failed task tells its code, its message and the uncovered skills', () => {
    const data = { code: 'NO_CAPABLE_AGENTS', message: 'nobody', uncoveredSkills: ['law', 'tax'] };
    expect(render('task.failed', data)).toEqual([
      'failed      the task · NO_CAPABLE_AGENTS · nobody · uncovered: law, tax',
    ]);
  });

  test.each([
    [100, 107, 7, '100 → 107 · +7'],
    [5, 0, -5, '5 → 0 · −5'],
    [150, 150, 0, '150 → 150 · +0'],
  ])('a reputation that goes from %i to %i', (before, after, delta, words) => {
    expect(render('reputation.changed', { agentId: 'a', before, after, delta, tier: 'Expert' })).toEqual([
      `reputation  a · ${words} · Expert`,
    ]);
  });

  test("control characters of strangers' texts do not reach the terminal", () => {
    const data = { rule: 'r\u001b[2J', message: 'two\nlines\u009b31m', blame: ['a\u0007'] };
    const lines = render('validation.warning', data);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });
});

test('withTime puts the seconds since the start before the first line only, and never below zero', () => {
  const at = Date.parse(event('task.accepted').at);
  expect(withTime(event('task.accepted'), at - 1_250, ['one', 'two'])).toEqual(['  1.250 s  one', '           two']);
  expect(withTime(event('task.accepted'), at + 5, ['one'])).toEqual(['  0.000 s  one']);
});
