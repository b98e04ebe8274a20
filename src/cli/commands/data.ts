import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { EXIT, UsageError } from '../exit-codes.ts';

export function addDataCommand(program: Command, host: CommandHost): void {
  const data = program.command('data').description("export or delete an owner's data (needs an admin)");
  withExamples(data, 'swarmbid data export shop --out shop.ndjson', 'swarmbid data delete shop --yes');
  addExport(data, host);
  addDelete(data, host);
}

function addExport(data: Command, host: CommandHost): void {
  const command = data
    .command('export')
    .description('everything that is stored for an owner, one JSON object a line')
    .argument('<owner>', "the owner's id, as `keys list` shows it")
    .option('--out <file>', 'write to this file (default: standard output)')
    .addHelpText('after', '\nThe last line is of kind "end". Without it the export was broken off: exit code 1.');
  withExamples(command, 'swarmbid data export shop --out shop.ndjson', 'swarmbid data export shop | jq .kind');
  onAction<{ out?: string }>(host, command, async (session, { out }, [ownerId = '']) => {
    const target = out === undefined ? session.streams.stdout : createWriteStream(out, { mode: 0o600 });
    let tail = '';
    for await (const text of session.client.exportOwner(ownerId)) {
      tail = (tail + text).slice(-TAIL_CHARS);
      if (!target.write(text)) await once(target, 'drain');
    }
    const whole = END.test(tail);
    if (target !== session.streams.stdout) {
      target.end();
      await finished(target);
    }
    if (!whole) session.note(`The export of ${ownerId} was broken off. Try again.`);
    else if (out !== undefined) session.note(`The data of ${ownerId} is in ${out}.`);
    return whole ? EXIT.done : EXIT.failed;
  });
}

/** Longer than the last line of an export. */
const TAIL_CHARS = 200;
const END = /(?:^|\n)\{"kind":"end",[^\n]*\}\n$/;

function addDelete(data: Command, host: CommandHost): void {
  const command = data
    .command('delete')
    .description("revoke an owner's keys, cancel and delete its tasks; ledger entries stay without the owner")
    .argument('<owner>', "the owner's id, as `keys list` shows it")
    .option('--yes', 'do it: nothing brings the data back');
  withExamples(command, 'swarmbid data export shop --out shop.ndjson', 'swarmbid data delete shop --yes');
  onAction<{ yes?: boolean }>(host, command, async (session, { yes }, [ownerId = '']) => {
    if (yes !== true) {
      throw new UsageError(
        `this deletes all tasks of ${ownerId} for ever. Export them first (data export ${ownerId}), then say --yes`,
      );
    }
    const done = await session.client.deleteOwnerData(ownerId);
    session.print(
      `Deleted ${done.tasksDeleted} tasks of ${ownerId}, ${done.tasksCancelled} of them cancelled for it, and ${done.memoriesDeleted} memories.`,
      `Revoked ${done.keysRevoked} keys. ${done.ledgerEntries} ledger entries stay, without the owner.`,
    );
    session.printDocument(done);
    return EXIT.done;
  });
}
