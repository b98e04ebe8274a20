import { Command } from 'commander';
import { addAgentsCommand } from './commands/agents.ts';
import { addAwardCommand } from './commands/award.ts';
import { addDecideCommand } from './commands/decide.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addDataCommand } from './commands/data.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addKeysCommand } from './commands/keys.ts';
import { addMessagesCommand } from './commands/messages.ts';
import { addMigrateCommand } from './commands/migrate.ts';
import { addReputationCommand } from './commands/reputation.ts';
import { addSubmitCommand } from './commands/submit.ts';
import { addUpCommand } from './commands/up.ts';
import { addWatchCommand } from './commands/watch.ts';
import { withExamples, type CommandHost } from './command.ts';
import { packageVersion } from '../package-version.ts';

const EXIT_CODES = `
Exit codes: 0 done, 1 the task or check failed, 2 wrong usage, 3 server not reachable`;

/** The whole command line; errors are thrown, never `process.exit`. */
export function createProgram(host: CommandHost): Command {
  const program = new Command('swarmbid')
    .description(
      'A task market for AI agents: bids, outcome-based reputation, teams, and an explanation for every choice.',
    )
    .option('--url <url>', 'the server (env SWARMBID_URL; default http://127.0.0.1:3000, or HOST and PORT)')
    .option('--token <key>', 'the key to call with, sb_… (env SWARMBID_TOKEN)')
    .option('--json', 'write JSON on stdout, and nothing else')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .addHelpText('after', EXIT_CODES);
  withExamples(program, 'swarmbid demo', 'swarmbid up', 'swarmbid submit - --watch < task.json');
  // Settings are inherited by subcommands only if they are made before these are added.
  program
    .exitOverride()
    .version(packageVersion(), '--version', 'print the version')
    .configureOutput({
      writeOut: (text) => host.streams.stdout.write(text),
      writeErr: (text) => host.streams.stderr.write(text),
    });
  for (const add of [
    addUpCommand,
    addDemoCommand,
    addSubmitCommand,
    addWatchCommand,
    addAgentsCommand,
    addReputationCommand,
    addAwardCommand,
    addMessagesCommand,
    addDecideCommand,
    addKeysCommand,
    addDataCommand,
    addMigrateCommand,
    addDoctorCommand,
    addCompletionCommand,
  ]) {
    add(program, host);
  }
  return program;
}
