import type { Command } from 'commander';
import { allItems } from '../all-items.ts';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { printable } from '../format.ts';

export function addMessagesCommand(program: Command, host: CommandHost): void {
  const command = program
    .command('messages')
    .description("what a task's agents said to each other, oldest first")
    .argument('<id>', 'the task');
  withExamples(command, 'swarmbid messages 01936f0e-7a3c-7000-8000-000000000000');
  onAction(host, command, async (session, _options, [taskId = '']) => {
    const messages = await allItems((page) => session.client.messages(taskId, page));
    if (messages.length === 0) session.print('No agent of this task has said anything.');
    for (const { at, from, to, topic, data } of messages) {
      session.print(`${at}  ${from} → ${to ?? 'the team'} · ${printable(topic)} · ${printable(JSON.stringify(data))}`);
    }
    session.printDocument({ items: messages });
    return EXIT.done;
  });
}
