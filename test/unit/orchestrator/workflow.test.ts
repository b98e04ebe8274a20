import { describe, expect, test } from 'vitest';
import type { StepSpec } from '../../../src/contracts/step.ts';
import { Workflow } from '../../../src/orchestrator/core/workflow.ts';
import { workflowFaults } from '../../../src/orchestrator/core/workflow-faults.ts';
import { compileCheck, deliveriesNamed } from '../../../src/synthesis/core/expressions.ts';

const step = (id: string, dependsOn: string[] = [], more: Partial<StepSpec> = {}): StepSpec => ({
  id,
  skills: ['a'],
  dependsOn,
  ...more,
});

const review = (of: string) => ({ review: { of, until: 'true', maxIterations: 3, escalate: false } });

const faults = (...steps: StepSpec[]) => workflowFaults(steps, { compileError: compileCheck, deliveriesNamed });

describe('the faults of a submission', () => {
  test('none in a diamond, whatever the order of its steps', () => {
    expect(
      faults(step('end', ['left', 'right']), step('left', ['start']), step('right', ['start']), step('start')),
    ).toEqual([]);
  });

  test.each([
    ['a step that depends on itself', [step('a', ['a'])], 'a → a'],
    ['two that depend on each other', [step('a', ['b']), step('b', ['a'])], 'a → b → a'],
    [
      'a long one behind others, without what leads to it',
      [step('x', ['a']), step('a', ['b']), step('b', ['c', 'y']), step('c', ['a']), step('y')],
      'a → b → c → a',
    ],
  ])('a cycle is named by its path: %s', (_what, steps, path) => {
    expect(faults(...steps)).toEqual([
      {
        path: `steps.${steps.findIndex((one) => one.id === path[0])}.dependsOn`,
        message: `a cycle: ${path} (each depends on the next)`,
      },
    ]);
  });

  test('a cycle of 64 steps is named whole', () => {
    const steps = Array.from({ length: 64 }, (_, i) => step(`s${i}`, [`s${(i + 1) % 64}`]));
    expect(faults(...steps)[0]!.message.split(' → ')).toHaveLength(65);
  });

  test.each([
    ['an unknown id', [step('a', ['b', 'nobody']), step('b')], 'steps.0.dependsOn.1', 'there is no step "nobody"'],
    ['an id that is taken', [step('a'), step('b'), step('a')], 'steps.2.id', '"a" is the id of step 0 already'],
    [
      'a switch to a step that does not depend on it',
      [step('a', [], { switch: { on: '"x"', cases: { x: 'b' } } }), step('b')],
      'steps.0.switch.cases.x',
      '"b" must be a step that depends on "a"',
    ],
    [
      'a review of a step that it does not depend on',
      [step('a'), step('b', [], review('a'))],
      'steps.1.review.of',
      '"a" must be a step that "b" depends on',
    ],
    [
      'a condition that names a delivery it does not see',
      [step('a'), step('b', ['a'], { when: 'deliveries.c.ok' })],
      'steps.1.when',
      'it names deliveries.c; it sees the deliveries of a',
    ],
    [
      'a condition of a first step that names any delivery',
      [step('a', [], { when: 'deliveries.b.ok' }), step('b')],
      'steps.0.when',
      'it names deliveries.b; it sees no delivery',
    ],
    [
      'a step that builds on what a review may send back',
      [step('a'), step('b', ['a'], review('a')), step('c', ['a'])],
      'steps.1.review.of',
      '"c" depends on what "b" may send back: let it depend on "b" too',
    ],
    [
      'two reviews of one step',
      [step('a'), step('b', ['a'], review('a')), step('c', ['a', 'b'], review('a'))],
      'steps.2.review.of',
      '"a" is in the loop of another review already',
    ],
  ])('%s is named', (_what, steps, path, message) => {
    expect(faults(...steps)).toEqual([{ path, message }]);
  });

  test('an expression that does not parse is named with its position', () => {
    const [fault] = faults(step('a', [], { when: 'task.(' }));
    expect(fault).toMatchObject({ path: 'steps.0.when' });
  });
});

describe('a workflow', () => {
  test('puts dependencies first, and steps that do not depend on each other in the order given', () => {
    const workflow = new Workflow([step('z', ['m']), step('m', ['b', 'a']), step('b'), step('a')]);
    expect(workflow.order.map((one) => one.id)).toEqual(['b', 'a', 'm', 'z']);
    expect(workflow.downstreamOf('b')).toEqual(['m', 'z']);
    expect([...workflow.upstreamOf('z')].toSorted()).toEqual(['a', 'b', 'm']);
  });

  test('a loop is the reviewed step, the review, and what lies between, but nothing beside', () => {
    const workflow = new Workflow([
      step('draft', ['brief']),
      step('brief'),
      step('polish', ['draft']),
      step('facts'),
      step('check', ['polish', 'facts'], review('draft')),
      step('print', ['check']),
    ]);
    expect(workflow.loopOf(workflow.step('check')!)).toEqual(['draft', 'polish', 'check']);
    expect(workflow.reviewAround('polish')?.id).toBe('check');
    expect(workflow.reviewAround('facts')).toBeUndefined();
  });

  test('a switch is a condition of each step that it names', () => {
    const workflow = new Workflow([
      step('sort', [], {
        switch: { on: 'deliveries.sort.kind', cases: { x: 'left', y: 'left', z: 'right' }, default: 'rest' },
      }),
      step('left', ['sort'], { when: 'task.data.all' }),
      step('right', ['sort']),
      step('rest', ['sort']),
      step('beside', ['sort']),
    ]);
    const conditions = Object.fromEntries(workflow.steps.map((one) => [one.id, workflow.conditionsOf(one)]));
    expect(conditions).toEqual({
      sort: [],
      left: ['task.data.all', '(deliveries.sort.kind) in ["x","y"]'],
      right: ['(deliveries.sort.kind) in ["z"]'],
      rest: ['$not((deliveries.sort.kind) in ["x","y","z"])'],
      beside: [],
    });
  });
});
