import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StepSpec } from '../../src/contracts/step.ts';
import { isFinal, type TaskSpec } from '../../src/contracts/task.ts';
import { workflowFaults } from '../../src/orchestrator/core/workflow-faults.ts';
import { MarketWorld, type Step, type Temper } from '../support/market-world.ts';
import { assertInvariants } from '../support/task-invariants.ts';
import { TASK_ID, taskSpec } from '../support/task-fixtures.ts';

const RUNS = Number(process.env['SIM_RUNS'] ?? 300);
const SKILLS = ['a', 'b', 'c', 'd'];

interface StepShape {
  skill: string;
  after: number[];
  when: boolean;
  review: { of: number; maxIterations: number; escalate: boolean } | null;
}

const shapes: fc.Arbitrary<StepShape[]> = fc.array(
  fc.record({
    skill: fc.constantFrom(...SKILLS),
    after: fc.array(fc.nat(5), { maxLength: 3 }),
    when: fc.nat(4).map((n) => n === 0),
    review: fc.option(
      fc.record({ of: fc.nat(5), maxIterations: fc.constantFrom(1, 1, 3, 4), escalate: fc.boolean() }),
      { freq: 2 },
    ),
  }),
  { minLength: 1, maxLength: 7 },
);

/** Each step depends on earlier ones, mostly on the one before; a review that would make no workflow is left out. */
function stepsOf(drawn: StepShape[]): StepSpec[] {
  const steps: StepSpec[] = drawn.map(({ skill, after, when }, at) => ({
    id: `s${at}`,
    skills: [skill],
    dependsOn: [...new Set(after.map((one) => at - 1 - (one % 2)))].filter((one) => one >= 0).map((one) => `s${one}`),
    ...(when ? { when: 'true' } : {}),
  }));
  drawn.forEach(({ review }, at) => {
    if (review === null) return;
    const plain = steps[at]!;
    steps[at] = { ...plain, review: { ...review, of: `s${at - 1 - (review.of % 2)}`, until: 'true' } };
    const faults = workflowFaults(steps, { compileError: () => null, deliveriesNamed: () => [] });
    if (faults.length > 0) steps[at] = plain;
  });
  return steps;
}

const plainSpecs = fc
  .record({
    requiredSkills: fc.oneof(fc.subarray(SKILLS), fc.subarray(SKILLS, { minLength: 2 })),
    complexity: fc.constantFrom('simple', 'moderate', 'complex'),
    allowPartial: fc.boolean(),
    maxAttempts: fc.integer({ min: 1, max: 4 }),
    blamableSkills: fc.oneof(fc.subarray(SKILLS), fc.constant(SKILLS)),
    biddingTimeMs: fc.constantFrom(500, 8_000),
    maxTeamSize: fc.constantFrom(undefined, undefined, 1, 1, 2),
  })
  .map(({ maxTeamSize, ...spec }) => taskSpec({ ...spec, ...(maxTeamSize === undefined ? {} : { maxTeamSize }) }));

const specs = fc
  .tuple(plainSpecs, fc.option(shapes.map(stepsOf), { freq: 2 }))
  .map(([spec, steps]) =>
    steps === null ? spec : { ...spec, steps, requiredSkills: steps.flatMap((one) => one.skills) },
  );

/** More than one of most kinds, so that histories get past the first award. */
const KINDS = [
  'announce',
  'announce',
  'close',
  'close',
  'close',
  'lose pass',
  'say of attempt',
  'say of attempt',
  'say of attempt',
  'say of attempt',
  'arrive',
  'arrive',
  'arrive',
  'arrive',
  'lose message',
  'synthesis',
  'synthesis',
  'synthesis',
  'quiet',
  'agent',
  'time',
  'message',
  'reputation',
  'condition',
  'condition',
  'decide',
] as const;

interface Move {
  kind: (typeof KINDS)[number];
  pick: number;
  flag: number;
  blame: string[];
}

const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    pick: fc.nat(999),
    flag: fc.nat(15),
    blame: fc.subarray(SKILLS, { maxLength: 2 }),
  }),
  { minLength: 20, maxLength: 160, size: 'max' },
);

interface History {
  spec: TaskSpec;
  agentSkills: string[][];
  temper: Temper;
  moves: Move[];
  stopAt: number;
  stopBy: 'cancel' | 'expire';
}

const histories: fc.Arbitrary<History> = fc.record({
  spec: specs,
  temper: fc.constantFrom('mixed', 'mixed', 'crashes', 'failures'),
  agentSkills: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.subarray(SKILLS, { minLength: 1 }) },
      { weight: 1, arbitrary: fc.constant(SKILLS) },
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  ),
  moves,
  /** After this many moves the task is cancelled or expires; past the end: never. */
  stopAt: fc.nat(600),
  stopBy: fc.constantFrom('cancel', 'expire'),
});

function play(world: MarketWorld, { kind, pick, flag, blame }: Move, temper: Temper): void {
  switch (kind) {
    case 'announce':
      return world.announce(pick);
    case 'close':
      return world.closePass(pick);
    case 'lose pass':
      return world.losePass(pick);
    case 'say of attempt':
      return world.sayOfAttempt(pick, flag, temper);
    case 'arrive':
      return world.arrive(pick, flag % 4 === 0);
    case 'lose message':
      return world.loseMessage(pick);
    case 'synthesis':
      world.endSynthesis(pick, flag % 3 === 0 ? [] : blame);
      if (flag % 2 === 0) world.arrive(world.inFlight.length - 1, false);
      return;
    case 'condition':
      return world.settleConditions(pick, flag);
    case 'decide':
      return world.decideOne(pick, flag);
    case 'quiet':
      if (temper !== 'mixed') return;
      if (flag % 2 === 0) world.finishOpenAttempts(flag % 4 === 0);
      else world.goodRound(flag % 8 > 1);
      return;
    case 'agent':
      return changeAgent(world, pick, flag);
    case 'time':
      world.nowMs += flag * 700;
      return;
    case 'message':
      world.do({ kind: 'say', message: { from: 'agent-0', to: null, topic: 'news', subtaskId: `${TASK_ID}-0` } });
      return;
    case 'reputation':
      world.do({ kind: 'record_reputation', change: { agentId: 'agent-0', before: 100, after: 105, delta: 5 } });
  }
}

/** It dies or comes back; it is suspended or taken back. */
function changeAgent(world: MarketWorld, pick: number, flag: number): void {
  const agent = world.agents[pick % world.agents.length]!;
  if (flag % 2 === 0) agent.slots = agent.slots === 0 ? 1_000 : 0;
  else agent.status = agent.status === 'active' ? 'suspended' : 'active';
}

/** The history, then its healing. */
function simulate(
  { spec, agentSkills, temper, moves, stopAt, stopBy }: History,
  onStep: (step: Step, world: MarketWorld) => void,
): MarketWorld {
  const world = new MarketWorld(spec, agentSkills, onStep);
  moves.forEach((move, i) => {
    if (i === stopAt) world.do({ kind: stopBy });
    play(world, move, temper);
  });
  world.heal();
  return world;
}

test(`in ${RUNS} histories of lost, doubled, late and reordered messages and of killed processes, invariants 1–12 hold after every step, and once the faults are over every task ends`, () => {
  fc.assert(
    fc.property(histories, (history) => {
      const world = simulate(history, (step, present) => assertInvariants(present, step));
      expect(isFinal(world.task.status), `the task is still ${world.task.status}`).toBe(true);
    }),
    { numRuns: RUNS },
  );
}, 120_000);

test('the histories reach what they are meant to: every final state, crashes, take-backs, second attempts, stale messages', () => {
  const seen = new Set<string>();
  for (const history of fc.sample(histories, { numRuns: 3_000, seed: 20_261_125 })) {
    const world = simulate(history, ({ command, decision }) => {
      if (!decision.ok) seen.add(`${command.kind} ${decision.refusal}`);
      else for (const effect of decision.effects) if ('verdict' in effect) seen.add(`${effect.kind} ${effect.verdict}`);
      if (decision.ok) for (const { data } of decision.events) seen.add(String(data['reason']));
    });
    seen.add(world.task.error === null ? `${world.task.status} ${world.task.result?.success}` : world.task.error.code);
    if (world.task.subtasks.some((one) => one.attempt > 2)) seen.add('third attempt');
    if (world.task.subtasks.some((one) => one.iteration > 2)) seen.add('third iteration');
    for (const { status, error } of world.task.subtasks) seen.add(status).add(error?.code ?? '');
    if (world.task.escalations.length > 0) seen.add('escalated');
    const isReviewed = world.task.spec.steps?.some((one) => one.review !== undefined) ?? false;
    if (isReviewed && world.task.result?.success === true) seen.add('completed true with a review');
  }
  const wanted = [
    'completed true',
    'completed false',
    'CANCELLED',
    'DEADLINE_PASSED',
    'NO_CAPABLE_AGENTS',
    'TEAM_TOO_SMALL',
    'RULE_BROKEN',
    'TOO_MANY_CRASHES',
    'third attempt',
    'deliver STALE',
    'close_round STALE',
    'finish_synthesis STALE',
    'deliver ENDED',
    'reverse_attempt accepted',
    'reverse_attempt rejected',
    'reverse_attempt market_failure',
    'STEP_FAILED',
    'settle_conditions NOT_NOW',
    'decide NOT_NOW',
    'escalated',
    'skipped',
    'third iteration',
    'completed true with a review',
    'DEPENDENCY_FAILED',
    'CONDITION_FAILED',
    'REVIEW_EXHAUSTED',
    'INPUT_TAKEN_BACK',
  ];
  expect(wanted.filter((one) => !seen.has(one))).toEqual([]);
}, 120_000);
