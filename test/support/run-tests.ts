/**
 * `npm test`: vitest with coverage, and then a look at what it left behind. Arguments go on to vitest, as in
 * `npm test -- test/unit`. The last line is `N passed, N failed`; the exit code is 0 only for none failed.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { ensureChromium } from './chromium.ts';
import { leakedProcesses, type RunMarks } from './leaked-processes.ts';
import { ensureRedisServer } from './redis-server.ts';
import { readCounts } from './test-report.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const VITEST = fileURLToPath(new URL('vitest.mjs', import.meta.resolve('vitest/package.json')));
const MARK = 'SWARMBID_TEST_RUN';

async function runVitest(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const stdio = env['NO_COLOR'] === undefined ? 'inherit' : 'pipe';
  const child = spawn(process.execPath, [VITEST, 'run', ...args], { cwd: ROOT, env, stdio: ['inherit', stdio, stdio] });
  // Not all that vitest is made of heeds NO_COLOR.
  if (child.stdout !== null) copyWithoutColours(child.stdout, process.stdout);
  if (child.stderr !== null) copyWithoutColours(child.stderr, process.stderr);
  // Ctrl-C reaches vitest by itself: we stay to clean up after it.
  const stay = () => undefined;
  const pass = () => child.kill('SIGTERM');
  process.on('SIGINT', stay).on('SIGTERM', pass);
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('SIGINT', stay).off('SIGTERM', pass);
  return code ?? 1;
}

function copyWithoutColours(from: Readable, to: Writable): void {
  createInterface({ input: from }).on('line', (line) => to.write(`${stripVTControlCharacters(line)}\n`));
}

/** The market's own variables would make a test depend on who runs it. */
function environment(runId: string, directory: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(SWARMBID_|DATABASE_|REDIS_URL$|OPENAI_)/.test(name));
  const env: NodeJS.ProcessEnv = { ...Object.fromEntries(kept), [MARK]: runId, TMPDIR: directory };
  if (process.env['CI'] !== 'true') return env;
  delete env['FORCE_COLOR'];
  return { ...env, NO_COLOR: '1' };
}

async function endLeaked(marks: RunMarks): Promise<string[]> {
  const leaked = await leakedProcesses(marks);
  for (const { pid } of leaked) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself between the look and the signal; it was late all the same.
    }
  }
  return leaked.map(({ pid, command }) => `the run left process ${pid} behind: ${command}`);
}

async function main(args: string[]): Promise<boolean> {
  await ensureRedisServer();
  await ensureChromium();
  const runId = randomUUID();
  const directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-test-'));
  // PostgreSQL runs as another user when we are root, and must be able to enter.
  await chmod(directory, 0o755);
  const report = path.join(directory, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const exitCode = await runVitest(['--coverage', ...reporters, ...args], environment(runId, directory));
  const counts = await readCounts(report, exitCode);
  const leaks = await endLeaked({ environmentEntry: `${MARK}=${runId}`, directory });
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });

  for (const fault of [...counts.faults, ...leaks]) console.error(`FAILED: ${fault}`);
  if (counts.skipped > 0) console.log(`${counts.skipped} skipped`);
  const failed = counts.failed + leaks.length;
  console.log(`${counts.passed} passed, ${failed} failed`);
  return failed === 0 && exitCode === 0;
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
