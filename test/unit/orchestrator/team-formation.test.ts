import { describe, expect, test } from 'vitest';
import type { Complexity } from '../../../src/contracts/task.ts';
import { decompose, subtaskId } from '../../../src/orchestrator/core/decomposition.ts';
import { complexityOf, couldCover, formTeam } from '../../../src/orchestrator/core/team-formation.ts';
import { candidates, TASK_ID } from '../../support/task-fixtures.ts';

function form(skills: string, complexity: Complexity, ranked: Record<string, string>, maxTeamSize?: number) {
  const requiredSkills = skills === '' ? [] : skills.split(' ');
  const formation = formTeam({ requiredSkills, complexity, maxTeamSize, ranked: candidates(ranked) });
  return { ...formation, team: formation.members.map((member) => member.agentId) };
}

function steps(formation: ReturnType<typeof form>) {
  return formation.steps.map((step) => [step.action, step.agentId, step.skills.join(' ')].join(' ').trim());
}

describe('complexity', () => {
  test.each([
    [0, 'simple'],
    [1, 'simple'],
    [2, 'moderate'],
    [3, 'moderate'],
    [4, 'complex'],
    [32, 'complex'],
  ] as const)('a task of %i required skills is %s unless it says so itself', (count, complexity) => {
    expect(complexityOf(count)).toBe(complexity);
  });
});

describe('one agent', () => {
  test('a simple task goes to the best bid that covers all of its skills, not to a better bid that lacks one', () => {
    const formation = form('a b', 'simple', { ann: 'a', bob: 'a b', cyd: 'a b' });
    expect(formation).toMatchObject({ kind: 'single', team: ['bob'], uncoveredSkills: [], note: undefined });
  });

  test.each(['simple', 'moderate', 'complex'] as const)(
    'a %s task that requires no skills goes to the best bid, as one agent',
    (complexity) => {
      expect(form('', complexity, { ann: 'x', bob: 'y' })).toMatchObject({ kind: 'single', team: ['ann'] });
    },
  );

  test('nobody is chosen for a task without required skills when nobody bids', () => {
    expect(form('', 'simple', {})).toMatchObject({ team: [], uncoveredSkills: [] });
  });

  test('a simple task of two skills that no bidder covers alone is treated as moderate, and the receipt says so', () => {
    const formation = form('a b', 'simple', { ann: 'a', bob: 'b' });
    expect(formation).toMatchObject({ kind: 'team', team: ['ann', 'bob'], uncoveredSkills: [] });
    expect(formation.note).toContain('moderate');
  });

  test('a simple task that fell back takes at most 3 members', () => {
    const formation = form('a b c d', 'simple', { ann: 'a', bob: 'b', cyd: 'c', dee: 'd' });
    expect(formation).toMatchObject({ team: ['ann', 'bob', 'cyd'], uncoveredSkills: ['d'] });
  });

  test('a simple task of one skill that nobody has is left open without a note', () => {
    expect(form('a', 'simple', { ann: 'b' })).toMatchObject({ team: [], uncoveredSkills: ['a'], note: undefined });
  });
});

describe('a team', () => {
  test('the walk goes in score order, takes who covers something new, skips who does not, and stops when all is covered', () => {
    const formation = form('a b', 'moderate', { ann: 'a', bob: 'a', cyd: 'b', dee: 'a b' });
    expect(formation.team).toEqual(['ann', 'cyd']);
    expect(steps(formation)).toEqual(['take ann a', 'skip bob', 'take cyd b']);
  });

  test('skills that the task does not require count for nothing', () => {
    expect(steps(form('a', 'moderate', { ann: 'x y', bob: 'a' }))).toEqual(['skip ann', 'take bob a']);
  });

  test('a moderate team has at most 3 members: the fourth skill stays open', () => {
    const formation = form('a b c d', 'moderate', { ann: 'a', bob: 'b', cyd: 'c', dee: 'd' });
    expect(formation).toMatchObject({ team: ['ann', 'bob', 'cyd'], uncoveredSkills: ['d'] });
  });

  test('a complex team has at most 5 members: the sixth skill stays open', () => {
    const one = { ann: 'a', bob: 'b', cyd: 'c', dee: 'd', eve: 'e', fay: 'f' };
    expect(form('a b c d e', 'complex', one)).toMatchObject({
      team: Object.keys(one).slice(0, 5),
      uncoveredSkills: [],
    });
    expect(form('a b c d e f', 'complex', one)).toMatchObject({ uncoveredSkills: ['f'] });
  });

  test.each([
    [1, ['ann'], ['b', 'c', 'd']],
    [4, ['ann', 'bob', 'cyd', 'dee'], []],
  ])('maxTeamSize %i takes the place of the size by complexity', (size, team, uncoveredSkills) => {
    const formation = form('a b c d', 'moderate', { ann: 'a', bob: 'b', cyd: 'c', dee: 'd' }, size);
    expect(formation).toMatchObject({ team, uncoveredSkills });
  });

  test('greed alone is not minimal: a member whose skills the others cover is dropped', () => {
    const formation = form('a b c', 'moderate', { ann: 'a', bob: 'a b', cyd: 'c' });
    expect(formation.team).toEqual(['bob', 'cyd']);
    expect(steps(formation)).toEqual(['take ann a', 'take bob b', 'take cyd c', 'drop ann a']);
  });

  test('of two members who could each go, the worse ranked one goes', () => {
    const formation = form('a b c d', 'complex', { ann: 'a b', bob: 'b c', cyd: 'c d', dee: 'a d' });
    // bob (b by ann, c by cyd) is redundant; ann and cyd are then needed.
    expect(formation.team).toEqual(['ann', 'cyd']);
    const either = form('a b c', 'moderate', { ann: 'a b', bob: 'b c', cyd: 'c a' }, 3);
    expect(either.team).toEqual(['ann', 'bob']);
  });

  test('a full team that leaves a skill open is formed once more by most new skills', () => {
    const formation = form('a b c d', 'moderate', { ann: 'a', bob: 'b', cyd: 'c', dee: 'b c d' });
    expect(formation).toMatchObject({ team: ['ann', 'dee'], uncoveredSkills: [] });
    expect(steps(formation)).toEqual(['take dee b c d', 'take ann a']);
  });

  test('of equally many new skills the better rank is taken', () => {
    const formation = form('a b c d', 'moderate', { ann: 'a', bob: 'a b', cyd: 'b c', dee: 'c d' }, 2);
    expect(steps(formation)).toEqual(['take bob a b', 'take dee c d']);
  });

  test('the second try stands only if it covers more than the first', () => {
    const formation = form('a b c d', 'moderate', { ann: 'a', bob: 'b' }, 2);
    expect(steps(formation)).toEqual(['take ann a', 'take bob b']);
    expect(formation.uncoveredSkills).toEqual(['c', 'd']);
  });

  test('a team that is not full is not tried again: nobody else has the open skill', () => {
    expect(form('a z', 'moderate', { ann: 'a' })).toMatchObject({ team: ['ann'], uncoveredSkills: ['z'] });
  });

  test.each([
    [1, false],
    [2, true],
  ])('two agents of one skill each could cover two skills as a team of %i: %s', (size, could) => {
    expect(couldCover(candidates({ ann: 'a', bob: 'b' }), ['a', 'b'], size)).toBe(could);
  });
});

describe('decomposition', () => {
  test('a team has one subtask for each required skill, in the order required, for the best-ranked member who has it', () => {
    const formation = form('c a b', 'moderate', { ann: 'a b', bob: 'b c' });
    expect(decompose(['c', 'a', 'b'], formation)).toEqual([
      { skills: ['c'], agentId: 'bob' },
      { skills: ['a'], agentId: 'ann' },
      { skills: ['b'], agentId: 'ann' },
    ]);
  });

  test('one agent does a simple task as one subtask with all of its skills', () => {
    const formation = form('a b', 'simple', { ann: 'b a' });
    expect(decompose(['a', 'b'], formation)).toEqual([{ skills: ['a', 'b'], agentId: 'ann' }]);
  });

  test('a task that requires no skill is one subtask without skills', () => {
    expect(decompose([], form('', 'simple', { ann: 'x' }))).toEqual([{ skills: [], agentId: 'ann' }]);
  });

  test('a skill that nobody covers has no subtask', () => {
    const formation = form('a z', 'moderate', { ann: 'a' });
    expect(decompose(['a', 'z'], formation)).toEqual([{ skills: ['a'], agentId: 'ann' }]);
  });

  test('subtask ids are <taskId>-<n>, n from 0', () => {
    expect([0, 1, 12].map((ord) => subtaskId(TASK_ID, ord))).toEqual([`${TASK_ID}-0`, `${TASK_ID}-1`, `${TASK_ID}-12`]);
  });
});
