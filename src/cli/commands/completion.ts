import { Argument, type Command } from 'commander';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { completionScript, SHELLS, type Shell } from '../completion.ts';
import { EXIT } from '../exit-codes.ts';

export function addCompletionCommand(program: Command, host: CommandHost): void {
  const command = program
    .command('completion')
    .description('print a script by which a shell completes these commands')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS));
  withExamples(
    command,
    'source <(swarmbid completion bash)',
    'swarmbid completion zsh > "${fpath[1]}/_swarmbid"',
    'swarmbid completion fish > ~/.config/fish/completions/swarmbid.fish',
  );
  onAction(host, command, async (session, _options, [shell]) => {
    const script = completionScript(program, shell as Shell);
    session.print(script.trimEnd());
    session.printDocument({ shell, script });
    return EXIT.done;
  });
}
