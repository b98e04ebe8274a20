import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leakedProcesses } from '../support/leaked-processes.ts';
import { readCounts } from '../support/test-report.ts';

let directory: string;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(path.join(tmpdir(), 'leaks-')));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe.runIf(process.platform === 'linux')('a process that a run leaves behind', () => {
  const children: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  });

  async function start(options: { env?: NodeJS.ProcessEnv; cwd?: string; argument?: string }): Promise<number> {
    const program = "process.stdout.write('up'); process.stdin.resume()";
    const child = spawn(process.execPath, ['-e', program, options.argument ?? 'nothing'], {
      cwd: options.cwd ?? '/',
      env: options.env ?? {},
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    children.push(child);
    await once(child.stdout, 'data');
    return child.pid ?? 0;
  }

  it('is found by its environment, by its working directory and by its arguments, each alone', async () => {
    const marks = { environmentEntry: `LEAK_MARK=${randomUUID()}`, directory };
    const byEnvironment = await start({ env: { LEAK_MARK: marks.environmentEntry.slice('LEAK_MARK='.length) } });
    const byDirectory = await start({ cwd: directory });
    const byArgument = await start({ argument: path.join(directory, 'cluster') });
    const found = await leakedProcesses(marks, 0);
    expect(found.map((one) => one.pid).toSorted()).toEqual([byEnvironment, byDirectory, byArgument].toSorted());
  });

  it('is not found when only a longer value or a longer path begins alike', async () => {
    const marks = { environmentEntry: `LEAK_MARK=${randomUUID()}`, directory: path.join(directory, 'a') };
    await start({ env: { LEAK_MARK: `${marks.environmentEntry.slice('LEAK_MARK='.length)}0` }, cwd: directory });
    expect(await leakedProcesses(marks, 0)).toEqual([]);
  });
});

describe('the counts of a run', () => {
  const file = (status: string, assertions: number) => ({
    name: 'a.test.ts',
    status,
    assertionResults: Array.from({ length: assertions }, () => ({})),
  });
  async function counts(exitCode: number, numbers: Record<string, number>, files: object[]) {
    const report = path.join(directory, 'report.json');
    const none = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
    await writeFile(report, JSON.stringify({ ...none, ...numbers, testResults: files }));
    return readCounts(report, exitCode);
  }

  it('are those of vitest where it ended with 0', async () => {
    const result = await counts(0, { numPassedTests: 7, numPendingTests: 1, numTodoTests: 1 }, [file('passed', 9)]);
    expect(result).toEqual({ passed: 7, failed: 0, skipped: 2, faults: [] });
  });

  it('have a failure for each file that could not be run', async () => {
    const result = await counts(1, { numPassedTests: 7, numFailedTests: 2 }, [file('failed', 0), file('failed', 9)]);
    expect(result).toMatchObject({ passed: 7, failed: 3, faults: ['a.test.ts could not be run'] });
  });

  it('have a failure when vitest ended with 1 though all tests passed, as after an unhandled error', async () => {
    expect(await counts(1, { numPassedTests: 7 }, [file('passed', 7)])).toMatchObject({ passed: 7, failed: 1 });
  });

  it('have a failure when there is no report', async () => {
    expect(await readCounts(path.join(directory, 'absent.json'), 0)).toMatchObject({ passed: 0, failed: 1 });
  });
});
