import fc from 'fast-check';
import type { TaskSpec } from '../../src/contracts/task.ts';
import { taskSpec } from '../support/task-fixtures.ts';
import type { Break } from './breaks.ts';
import { heal } from './heal.ts';
import { checkHealed, checkReputations, checkStep, checkWatchers } from './invariants.ts';
import { play } from './moves.ts';
import type { Step } from './rows.ts';
import { SimWorld, type Order, type Setup } from './world.ts';

/** A history as numbers: of the market that it happens in, and of what happens, one for each move. */
export interface History {
  market: number[];
  moves: number[];
}

const MARKET_NUMBERS = 24;
const MAX_MOVES = 400;
const SKILLS = ['a', 'b', 'c', 'd'];
/** fast-check prefers small numbers and the largest; here all moves are alike. */
const number = fc.noBias(fc.integer({ min: 0, max: 2 ** 31 - 1 }));

export const histories: fc.Arbitrary<History> = fc.record({
  market: fc.noBias(fc.array(number, { minLength: MARKET_NUMBERS, maxLength: MARKET_NUMBERS })),
  moves: fc.noBias(fc.array(number, { minLength: 20, maxLength: MAX_MOVES, size: 'max' })),
});

/** What a history came to: for reports, and to see that histories reach what they are meant to. */
export interface Outcome {
  world: SimWorld;
  healedInMs: number;
}

export interface PlayOptions {
  breaks?: ReadonlySet<Break>;
  onMove?: (name: string) => void;
  onStep?: (step: Step) => void;
}

/** Plays the history, heals the market, and checks all that must hold. @throws Error naming the invariant that does not */
export function playHistory({ market, moves }: History, options: PlayOptions = {}): Outcome {
  const world = new SimWorld({ ...setupOf(market), breaks: options.breaks ?? new Set() }, (step, present) => {
    options.onStep?.(step);
    checkStep(step, present);
  });
  const temper = market[0] ?? 0;
  for (const one of moves) {
    const name = play(world, temper, one);
    if (name !== null) options.onMove?.(name);
    if (name === 'fold') checkReputations(world);
    if (name === 'watcher is given') checkWatchers(world);
  }
  options.onMove?.('faults are over');
  const healedInMs = heal(world);
  checkHealed(world);
  return { world, healedInMs };
}

function setupOf(market: readonly number[]): Omit<Setup, 'breaks'> {
  const at = (index: number) => market[index] ?? 0;
  const subset = (index: number) => SKILLS.filter((_skill, bit) => (at(index) >> bit) % 2 === 1);
  const agents = Array.from({ length: 1 + (at(1) % 5) }, (_, i) => ({
    id: `agent-${i}`,
    pool: i % 3 === 2 ? 'second' : 'first',
    skills: [SKILLS[(at(2) + i) % 4]!, ...subset(3 + i)].filter((skill, k, all) => all.indexOf(skill) === k),
    capacity: 1 + (at(8 + i) % 4),
  }));
  const orders = Array.from({ length: 1 + (at(13) % 3) }, (_, i): Order => ({
    key: `key-${i}`,
    spec: specOf(at(14 + i), subset(17 + i), subset(20 + i)),
    deadlineInMs: at(23) % 5 === i ? 20_000 : null,
  }));
  return { agents, orders, replicas: 1 + (at(5) % 2), orchestrators: 1 + (at(6) % 3) };
}

function specOf(number: number, requiredSkills: string[], blamableSkills: string[]): TaskSpec {
  const maxTeamSize = [undefined, undefined, 1, 2][(number >> 8) % 4];
  return taskSpec({
    requiredSkills,
    blamableSkills: blamableSkills.filter((skill) => requiredSkills.includes(skill)),
    complexity: (['simple', 'moderate', 'complex', 'complex'] as const)[number % 4]!,
    allowPartial: (number >> 2) % 2 === 0,
    maxAttempts: 1 + ((number >> 4) % 4),
    biddingTimeMs: (number >> 6) % 2 === 0 ? 500 : 8_000,
    ...(maxTeamSize === undefined ? {} : { maxTeamSize }),
  });
}
