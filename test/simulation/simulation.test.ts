import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BREAKS, type Break } from './breaks.ts';
import { explore, repeatCommand } from './explore.ts';
import { histories, playHistory } from './history.ts';

const RUNS = 10_000;
/** Within so many histories of this seed each break is noticed. */
const BREAK_SEED = 1;
const BREAK_RUNS = 8_000;

test(`in ${RUNS} histories of lost, doubled, late and reordered messages and of killed processes, nothing is lost or done twice, and once the faults are over every task ends`, () => {
  const found = explore({ seed: Math.floor(Math.random() * 2 ** 30), runs: RUNS });
  const fault = found === null ? null : `${found.message}; ${repeatCommand(found)}\n${found.moves.join('\n')}`;
  expect(fault).toBeNull();
}, 240_000);

test.for(Object.entries(BREAKS) as [Break, string][])(
  'the simulation notices the market without its rule "%s": %s',
  { timeout: 240_000 },
  ([rule]) => {
    const broken = fc.check(
      fc.property(histories, (history) => void playHistory(history, { breaks: new Set([rule]) })),
      { seed: BREAK_SEED, numRuns: BREAK_RUNS, endOnFailure: true },
    );
    expect(broken.failed).toBe(true);
  },
);

test('histories reach what they are meant to: every final state, crashes, take-backs, third attempts, whatever comes too late', () => {
  const seen = new Set<string>();
  for (const history of fc.sample(histories, { numRuns: 2_000, seed: 20_261_121 })) {
    const { world } = playHistory(history, {
      onStep: ({ command, decision }) => {
        if (!decision.ok) seen.add(`${command.kind} ${decision.refusal}`);
        else for (const one of decision.effects) if ('verdict' in one) seen.add(`${one.kind} ${one.verdict}`);
      },
    });
    for (const { record } of world.store.tasks.values()) {
      seen.add(record.error === null ? `${record.status} ${record.result?.success}` : record.error.code);
      if (record.subtasks.some((one) => one.attempt > 2)) seen.add('third attempt');
      if (record.subtasks.some((one) => one.lostLeases > 1)) seen.add('two lost leases');
    }
  }
  const wanted = [
    'completed true',
    'completed false',
    'CANCELLED',
    'DEADLINE_PASSED',
    'NO_CAPABLE_AGENTS',
    'TEAM_TOO_SMALL',
    'RULE_BROKEN',
    'AGENT_FAILED',
    'TIMED_OUT',
    'SCHEMA_MISMATCH',
    'third attempt',
    'two lost leases',
    'close_attempt market_failure',
    'deliver STALE',
    'deliver ENDED',
    'close_round STALE',
    'close_round ENDED',
    'close_round NOT_NOW',
    'finish_synthesis ENDED',
    'reverse_attempt accepted',
    'reverse_attempt rejected',
  ];
  expect(wanted.filter((one) => !seen.has(one))).toEqual([]);
}, 60_000);
