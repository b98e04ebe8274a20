import { expect, test } from 'vitest';
import { runModel } from './run-model.ts';

const SEED = Number(process.env['MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env['MODEL_RUNS'] ?? 40);

test(
  `${RUNS} sequences of commands from seed ${SEED} bring what the model says`,
  async () => {
    expect(
      await runModel({ seed: SEED, runs: RUNS }),
      `repeat it: npm run test:model -- --seed ${SEED} --runs ${RUNS}`,
    ).toBeNull();
  },
  20_000 + RUNS * 2_000,
);
