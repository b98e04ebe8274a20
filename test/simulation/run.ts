/**
 * `npm run test:sim`: a million histories on all cores, or as many as are asked for.
 *
 *   npm run test:sim -- --seed 7 --runs 20000 --json
 *   npm run test:sim -- --seed 7 --path 123          plays one failing history again and says what happened
 *   npm run test:sim -- --break 'epoch guard'        a rule of the market is off: it must fail
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { BREAKS, type Break } from './breaks.ts';
import { explore, repeatCommand, type ExploreOptions, type Found } from './explore.ts';

/** Histories of one seed: each chunk has the next seed, whatever the number of cores. */
const CHUNK = 5_000;
const MILLION = 1_000_000;

if (isMainThread) process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
else parentPort?.on('message', (chunk: ExploreOptions) => parentPort?.postMessage(explore(chunk)));

async function main(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: String(randomInt(2 ** 30)) },
      runs: { type: 'string', default: String(MILLION) },
      path: { type: 'string' },
      break: { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
    },
  });
  const [seed, runs] = [whole('seed', values.seed), whole('runs', values.runs)];
  const breaks = values.break.map(nameOfBreak);
  if (values.path !== undefined) return tell(explore({ seed, runs: 1, path: values.path, breaks }));
  const cores = availableParallelism();
  const startedMs = performance.now();
  console.log(`${runs} histories from seed ${seed} on ${cores} cores`);
  const { played, found } = await exploreAll({ seed, runs, breaks }, cores);
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  const perSecond = Math.round(played / Math.max(seconds, 0.1));
  console.log(`${played} histories in ${seconds} s: ${perSecond}/s`);
  const held = tell(found);
  const failure = found === null ? null : { message: found.message, repeat: repeatCommand(found) };
  if (values.json) console.log(JSON.stringify({ seed, runs: played, cores, seconds, perSecond, failure }));
  return held;
}

/** Hands out chunks until all are played or one has failed. */
async function exploreAll(all: Required<Omit<ExploreOptions, 'path'>>, cores: number) {
  let next = 0;
  let played = 0;
  let found: Found | null = null;
  await Promise.all(
    Array.from({ length: Math.min(cores, Math.ceil(all.runs / CHUNK)) }, async () => {
      const worker = new Worker(new URL(import.meta.url));
      while (found === null && next * CHUNK < all.runs) {
        const runs = Math.min(CHUNK, all.runs - next * CHUNK);
        const chunk = { ...all, seed: all.seed + next, runs };
        next += 1;
        found = (await answerOf(worker, chunk)) ?? found;
        played += runs;
        if (played % 100_000 < runs) console.log(`${played} played`);
      }
      await worker.terminate();
    }),
  );
  return { played, found: found as Found | null };
}

async function answerOf(worker: Worker, chunk: ExploreOptions): Promise<Found | null> {
  worker.postMessage(chunk);
  const [answer] = (await once(worker, 'message')) as [Found | null];
  return answer;
}

function tell(found: Found | null): boolean {
  if (found === null) {
    console.log('every invariant held');
    return true;
  }
  console.log(['The shortest history that fails:', ...found.moves.map((move) => `  ${move}`)].join('\n'));
  console.error(`FAILED: ${found.message}\nAgain: ${repeatCommand(found)}`);
  return false;
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new RangeError(`--${name} ${text}: must be a whole number, 0 or more`);
}

function nameOfBreak(name: string): Break {
  if (name in BREAKS) return name as Break;
  throw new RangeError(`--break ${name}: must be one of ${Object.keys(BREAKS).join(', ')}`);
}
