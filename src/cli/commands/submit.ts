import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { TaskSubmission } from '../../sdk/index.ts';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { commandName, type CliStreams } from '../session.ts';
import { watchToEnd } from './watch.ts';

export function addSubmitCommand(program: Command, host: CommandHost): void {
  const command = program
    .command('submit')
    .description('submit a task, given as JSON in a file, or on standard input with -')
    .argument('<file>', 'the task as JSON; - for standard input')
    .option('--watch', 'follow it to its end, as `watch` does')
    .option('--idempotency-key <key>', 'the same key and task give the same task (default: a random key)');
  withExamples(
    command,
    'swarmbid submit - --watch < task.json',
    'swarmbid submit task.json',
    `echo '{"type": "report", "requiredSkills": ["analytics"]}' | swarmbid submit -`,
    'swarmbid submit task.json --idempotency-key order-4711 --json',
  );
  onAction<{ watch?: boolean; idempotencyKey?: string }>(host, command, async (session, options, [file = '-']) => {
    const submission = await readTask(file, host.streams);
    const { idempotencyKey } = options;
    const task = await session.client.submit(submission, idempotencyKey === undefined ? {} : { idempotencyKey });
    session.print(`Task ${task.id} ${task.status}`);
    if (options.watch === true) return watchToEnd(session, task.id);
    const swarmbid = commandName(host.streams.env);
    session.print(`Follow it:       ${swarmbid} watch ${task.id}`, `Why this agent:  ${swarmbid} award ${task.id}`);
    session.printDocument(task);
    return EXIT.done;
  });
}

/** The server checks the task's fields; here it need only be JSON. */
async function readTask(file: string, streams: CliStreams): Promise<TaskSubmission> {
  const text = file === '-' ? await readAll(streams.stdin) : await readNamed(file);
  const source = file === '-' ? 'standard input' : file;
  try {
    return JSON.parse(text) as TaskSubmission;
  } catch (cause) {
    throw new UsageError(text.trim() === '' ? `${source} is empty; a task is a JSON object` : `${source} is not JSON`, {
      cause,
    });
  }
}

async function readNamed(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file} cannot be read`, { cause });
  }
}

async function readAll(stream: CliStreams['stdin']): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
