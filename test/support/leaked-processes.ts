import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface LeakedProcess {
  pid: number;
  command: string;
}

/** How the processes of one run of the tests are known; each mark alone is enough. */
export interface RunMarks {
  /** `NAME=value`, in the environment of all that the run starts. Servers that write their title over it lose this mark. */
  environmentEntry: string;
  /** The temporary directory of the run: servers live in it, or name it in their arguments. */
  directory: string;
}

const PATIENCE_MS = 5_000;
const POLL_MS = 50;

/** Processes of the run that are still there; a moment is left to those that are ending. Empty where there is no /proc. */
export async function leakedProcesses(marks: RunMarks, patienceMs = PATIENCE_MS): Promise<LeakedProcess[]> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const leaked = await processesOf(marks);
    if (leaked.length === 0 || waitedMs >= patienceMs) return leaked;
    await delay(POLL_MS);
  }
}

async function processesOf(marks: RunMarks): Promise<LeakedProcess[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.filter((pid) => pid !== process.pid).map((pid) => ifOf(marks, pid)));
  return found.filter((one) => one !== undefined);
}

async function ifOf(marks: RunMarks, pid: number): Promise<LeakedProcess | undefined> {
  const [environment, commandLine, cwd] = await Promise.all([
    readable(readFile(`/proc/${pid}/environ`, 'utf8')),
    readable(readFile(`/proc/${pid}/cmdline`, 'utf8')),
    readable(readlink(`/proc/${pid}/cwd`)),
  ]);
  // A zombie has neither: it has ended, and only its parent's look at it is missing.
  if (commandLine === '' && cwd === '') return undefined;
  const isOurs =
    environment.split('\0').includes(marks.environmentEntry) ||
    commandLine.includes(marks.directory) ||
    cwd === marks.directory ||
    cwd.startsWith(`${marks.directory}/`);
  return isOurs ? { pid, command: commandLine.replaceAll('\0', ' ').trim() } : undefined;
}

/** Empty for what ended meanwhile, and for what belongs to another user. */
async function readable(text: Promise<string>): Promise<string> {
  return text.catch(() => '');
}
