/**
 * `npm run test:model [-- --seed N --runs M]`: random sequences of commands at a market on real PostgreSQL, against a model;
 * 10,000 unless told otherwise. Sequences of a seed are the same each time; what the market makes of them depends on its timing.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(randomInt(2 ** 30)) },
    runs: { type: 'string', default: '10000' },
  },
});
const vitest = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/model'], {
  stdio: 'inherit',
  env: { ...process.env, MODEL_SEED: values.seed, MODEL_RUNS: values.runs },
});
const [code] = (await once(vitest, 'close')) as [number | null];
process.exitCode = code ?? 1;
