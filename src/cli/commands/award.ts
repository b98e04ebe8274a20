import type { Command } from 'commander';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { recheckRound } from '../recheck-receipt.ts';
import { renderReceipt } from '../render-receipt.ts';

export function addAwardCommand(program: Command, host: CommandHost): void {
  const command = program
    .command('award')
    .description('why these agents: every bid with its arithmetic, every pass, the team, round by round')
    .argument('<id>', 'the task')
    .addHelpText(
      'after',
      '\nEvery score and rank is computed anew; exit code 1 if one does not agree with the receipt.',
    );
  withExamples(command, 'swarmbid award 01936f0e-7a3c-7000-8000-000000000000');
  onAction(host, command, async (session, _options, [taskId = '']) => {
    const receipt = await session.client.award(taskId);
    const mismatches = receipt.rounds.flatMap(recheckRound);
    session.print(...renderReceipt(receipt, session.colors));
    session.printDocument({ ...receipt, mismatches });
    return mismatches.length === 0 ? EXIT.done : EXIT.failed;
  });
}
