import type { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { EXIT } from '../exit-codes.ts';

export function addMigrateCommand(program: Command, host: CommandHost): void {
  const command = program
    .command('migrate')
    .description('bring the schema up to date (DATABASE_MIGRATION_URL, else DATABASE_URL, else the embedded server)')
    .option('--down', 'undo every migration: all tables and what is in them go');
  withExamples(command, 'swarmbid migrate', 'DATABASE_MIGRATION_URL=postgres://owner@db/swarmbid swarmbid migrate');
  onAction<{ down?: boolean }>(host, command, async (session, options) => {
    const config = readConfig(host.streams.env);
    const { migrate } = await import('../../migrate.ts');
    const direction = options.down === true ? 'down' : 'up';
    const { database, migrations } = await migrate(config, direction);
    const done = direction === 'up' ? 'applied' : 'undone';
    session.print(
      ...migrations.map((name) => `${done} ${name}`),
      migrations.length === 0
        ? `The ${database} database has nothing to be ${done}.`
        : `${migrations.length} ${done} in the ${database} database.`,
    );
    session.printDocument({ database, direction, migrations });
    return EXIT.done;
  });
}
