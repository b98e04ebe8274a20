import fc from 'fast-check';
import { Actor } from '../support/actor.ts';
import { startMarket } from '../support/market.ts';
import { commands, settle, World, type Model } from './market-model.ts';

/** Sequences on one market: what is checked after each grows with what is stored. */
const BATCH = 250;

/** Runs so many sequences, the first `BATCH` from this seed, the next from the next. What failed, or null. */
export async function runModel({ seed, runs }: { seed: number; runs: number }): Promise<string | null> {
  for (let done = 0; done < runs; done += BATCH) {
    const failure = await runBatch(seed + done / BATCH, Math.min(BATCH, runs - done));
    if (failure !== null) return failure;
  }
  return null;
}

async function runBatch(seed: number, numRuns: number): Promise<string | null> {
  const agents = [
    new Actor({ id: 'ann', skills: ['a'], capacity: 4 }),
    new Actor({ id: 'bea', skills: ['b'], capacity: 4 }),
    new Actor({ id: 'cem', skills: ['a', 'b'], capacity: 2 }),
  ];
  const market = await startMarket({ transport: 'PostgreSQL', agents });
  const world = new World(market, agents, new Actor({ id: 'dot', skills: ['a'], capacity: 4 }));
  try {
    await world.startPool();
    const property = fc.asyncProperty(commands, async (sequence) => {
      const model: Model = { tasks: [], suspended: new Set() };
      await fc.asyncModelRun(() => ({ model, real: world }), sequence);
      await settle(model, world);
    });
    // what goes wrong on a real market depends on its timing too: a shorter sequence may not fail
    const details = await fc.check(property, { seed, numRuns, endOnFailure: true });
    if (!details.failed) return null;
    const reason =
      details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance);
    return `seed ${seed}, run ${details.numRuns}: ${reason}\n${fc.stringify(details.counterexample)}`;
  } finally {
    await market.stop();
  }
}
