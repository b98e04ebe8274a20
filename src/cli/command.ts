import type { Command } from 'commander';
import type { ExitCode } from './exit-codes.ts';
import { openSession, type CliStreams, type GlobalOptions, type Session } from './session.ts';

/** What a command's file is handed to hang its command into the program. */
export interface CommandHost {
  streams: CliStreams;
  /** Tells the shell how the command ended. */
  exitWith(code: ExitCode): void;
}

export type Act<Options> = (session: Session, options: Options, args: readonly string[]) => Promise<ExitCode>;

/** Runs `act` as the action of `command`, with an open session and the command's own and global options. */
export function onAction<Options extends object>(host: CommandHost, command: Command, act: Act<Options>): void {
  command.action(async () => {
    const options = command.optsWithGlobals<Options & GlobalOptions>();
    host.exitWith(await act(openSession(host.streams, options), options, command.args));
  });
}

/** Examples below the help of a command, one a line. */
export function withExamples(command: Command, ...examples: string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`);
}
