import type { Command } from 'commander';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { followTask } from '../follow-task.ts';
import { renderOutcome } from '../render-task.ts';
import type { Session } from '../session.ts';

export function addWatchCommand(program: Command, host: CommandHost): void {
  const command = program
    .command('watch')
    .description('follow a task, from its first event to its end and the reputations that it moves')
    .argument('<id>', 'the task')
    .addHelpText(
      'after',
      '\nWith --json: one event a line. Goes on after a broken connection. Exit code 1 if the task does not complete.',
    );
  withExamples(
    command,
    'swarmbid watch 01936f0e-7a3c-7000-8000-000000000000',
    'swarmbid watch 01936f0e-7a3c-7000-8000-000000000000 --json | jq .type',
  );
  onAction(host, command, async (session, _options, [taskId = '']) => {
    // Asked first, so that a server out of reach or an unknown task is told at once and not after the feed has given up.
    await session.client.task(taskId);
    return watchToEnd(session, taskId);
  });
}

/** Follows the task; then how it ended is printed, and is the exit code. */
export async function watchToEnd(session: Session, taskId: string): Promise<ExitCode> {
  const { task } = await followTask(session, taskId);
  session.print('', ...renderOutcome(task, session.colors));
  return task.status === 'completed' ? EXIT.done : EXIT.failed;
}
