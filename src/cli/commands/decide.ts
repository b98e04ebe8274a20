import { Argument, type Command } from 'commander';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { EXIT } from '../exit-codes.ts';

const DECISIONS = ['approve', 'reject', 'choose'] as const;

interface Options {
  choice?: string;
  note?: string;
  subtask?: string;
}

export function addDecideCommand(program: Command, host: CommandHost): void {
  const command = program
    .command('decide')
    .description('answer an escalated task')
    .argument('<id>', 'the task')
    .addArgument(new Argument('<decision>', 'what becomes of the work that was not approved').choices(DECISIONS))
    .option('--choice <choice>', 'for choose: one of the choices that the escalation names')
    .option('--note <text>', 'why; who does the work again is told')
    .option('--subtask <id>', 'which one is meant, where several wait');
  withExamples(
    command,
    'swarmbid decide 01936f0e-7a3c-7000-8000-000000000000 approve',
    'swarmbid decide 01936f0e-7a3c-7000-8000-000000000000 choose --choice again --note "shorter"',
  );
  onAction<Options>(host, command, async (session, { choice, note, subtask }, [taskId = '', given]) => {
    const decision = DECISIONS.find((one) => one === given) ?? 'reject';
    const task = await session.client.decide(taskId, {
      decision,
      ...(choice === undefined ? {} : { choice }),
      ...(note === undefined ? {} : { note }),
      ...(subtask === undefined ? {} : { subtaskId: subtask }),
    });
    session.print(`Task ${task.id} ${task.status}`);
    session.printDocument(task);
    return EXIT.done;
  });
}
