import fc from 'fast-check';
import type { Break } from './breaks.ts';
import { histories, playHistory, type History } from './history.ts';

export interface Found {
  /** The invariant that did not hold. */
  message: string;
  seed: number;
  path: string;
  /** The moves of the shortest history that shows it, and what was decided. */
  moves: string[];
}

export interface ExploreOptions {
  seed: number;
  runs: number;
  /** Of a failing history that was found before: it alone is played. */
  path?: string | undefined;
  breaks?: readonly Break[];
}

/** Plays `runs` histories. Null if all that must hold did; else the shortest history that fast-check finds. */
export function explore({ seed, runs, path, breaks = [] }: ExploreOptions): Found | null {
  const off = new Set(breaks);
  const property = fc.property(histories, (history) => void playHistory(history, { breaks: off }));
  const options = path === undefined ? { seed, numRuns: runs } : { seed, path, numRuns: 1 };
  const details = fc.check(property, options);
  if (details.counterexamplePath === null) return null;
  const { counterexample, counterexamplePath, errorInstance } = details;
  // Its number among the histories of the seed. What comes after it is how it was shortened, and that is found again.
  const [number = '0'] = counterexamplePath.split(':');
  const message = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return { message, seed, path: number, moves: movesOf(counterexample[0], off) };
}

export const repeatCommand = ({ seed, path }: Found) => `npm run test:sim -- --seed ${seed} --path ${path}`;

function movesOf(history: History, breaks: ReadonlySet<Break>): string[] {
  const moves: string[] = [];
  try {
    playHistory(history, {
      breaks,
      onMove: (name) => moves.push(name),
      onStep: ({ before, command, decision }) =>
        moves.push(
          `    ${before.id}: ${command.kind}, ${decision.ok ? `now ${decision.task.status}` : decision.refusal}`,
        ),
    });
  } catch {
    // What it threw is known already.
  }
  return moves;
}
