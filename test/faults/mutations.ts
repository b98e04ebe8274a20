import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { mutations, type Mutation } from './mutation-list.ts';
import { planOf } from './plan.ts';
import { findings } from './report.ts';
import { runSuite } from './suite.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const COPIED = ['src', 'migrations', 'package.json', 'tsconfig.json'];
/** A broken market is attacked for so long, and given so long to come to rest. */
const ATTACK_MS = 30_000;
const PATIENCE_MS = 45_000;
/** As often as fits into that time. */
const TIMES = 60;

/** Breaks a copy of our code in one way after another. True for each break that a bounded run has caught. */
export async function runMutations(options: {
  seed: number;
  leaseMs: number;
  only: readonly string[];
  say: (line: string) => void;
}): Promise<{ name: string; caughtBy: string | undefined }[]> {
  const results: { name: string; caughtBy: string | undefined }[] = [];
  for (const mutation of mutations) {
    if (options.only.length > 0 && !options.only.some((part) => mutation.name.includes(part))) continue;
    const caughtBy = await tryOut(mutation, options);
    options.say(
      `${caughtBy === undefined ? 'MISSED' : 'caught'} ${mutation.name}${caughtBy === undefined ? '' : ` — ${caughtBy}`}`,
    );
    results.push({ name: mutation.name, caughtBy });
  }
  return results;
}

async function tryOut(mutation: Mutation, options: { seed: number; leaseMs: number }): Promise<string | undefined> {
  const root = await mkdtemp(path.join(tmpdir(), 'swarmbid-mutant-'));
  try {
    for (const name of COPIED) await cp(path.join(ROOT, name), path.join(root, name), { recursive: true });
    await symlink(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'));
    for (const edit of mutation.edits) await apply(root, edit);
    const chapters = planOf('short', mutation.faults).map(({ name, faults }) => ({
      name,
      faults: faults.map(({ kind }) => ({ kind, times: TIMES })),
    }));
    const reports = await runSuite({
      root,
      seed: options.seed,
      leaseMs: options.leaseMs,
      chapters,
      attackMs: ATTACK_MS,
      patienceMs: PATIENCE_MS,
      say: () => undefined,
    });
    return findings(reports)[0]?.slice(0, 160);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function apply(root: string, { file, find, replace }: Mutation['edits'][number]): Promise<void> {
  const target = path.join(root, file);
  const text = await readFile(target, 'utf8');
  if (!text.includes(find)) throw new Error(`${file} holds no "${find}": the mutation is out of date`);
  await writeFile(
    target,
    text.replace(find, () => replace),
  );
}
