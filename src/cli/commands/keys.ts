import { Option, type Command } from 'commander';
import { readConfig } from '../../config.ts';
import { ROLES, type Role } from '../../contracts/access.ts';
import { allItems } from '../all-items.ts';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { printable } from '../format.ts';
import type { Session } from '../session.ts';
import { renderTable, type Column } from '../table.ts';

const COLUMNS: Column[] = [
  { title: 'id' },
  { title: 'role' },
  { title: 'owner' },
  { title: 'name' },
  { title: 'created' },
  { title: 'revoked' },
];

export function addKeysCommand(program: Command, host: CommandHost): void {
  const keys = program
    .command('keys')
    .description('make, list and revoke keys (needs an admin, or an embedded server without keys)');
  withExamples(keys, 'swarmbid keys create --role admin', 'swarmbid keys list', 'swarmbid keys revoke ID');
  addCreate(keys, host);
  addList(keys, host);
  addRevoke(keys, host);
  addPool(keys, host);
}

function addCreate(keys: Command, host: CommandHost): void {
  const command = keys
    .command('create')
    .description('make a key; it is shown once')
    .addOption(new Option('--role <role>', 'what the key may do').choices(ROLES).makeOptionMandatory())
    .option('--name <name>', 'a name to know it by')
    .option('--owner <id>', 'keys of one owner see the same tasks (default: an owner of its own)');
  withExamples(
    command,
    'swarmbid keys create --role admin',
    'swarmbid keys create --role submitter --name web-shop --owner shop',
  );
  onAction<{ role: Role; name?: string; owner?: string }>(host, command, async (session, { role, name, owner }) => {
    const isFirst = await isFirstKey(session);
    if (isFirst && role !== 'admin') throw new UsageError(FIRST_MUST_BE_ADMIN);
    const key = await session.client.createKey({ role, name, ownerId: owner });
    session.print(key.key);
    if (!session.json) session.note(`Key ${key.id} of role ${key.role}, owner ${key.ownerId}. It is not shown again.`);
    if (isFirst) session.note(FIRST_KEY);
    session.printDocument(key);
    return EXIT.done;
  });
}

const FIRST_MUST_BE_ADMIN =
  'the first key must be of role admin: from the first key on the server asks everyone for one, and only an admin can ' +
  'make more. Run `swarmbid keys create --role admin` first, then this with --token';
const FIRST_KEY =
  'It is the first key: from now on every request needs one. Give it with --token or SWARMBID_TOKEN. ' +
  'If it is lost, start the server with a SWARMBID_ADMIN_KEY of your choice, and make another.';

/** Only a server without keys lists them to whoever has none. */
async function isFirstKey(session: Session): Promise<boolean> {
  if (session.hasToken) return false;
  const { items } = await session.client.keys({ limit: 1 });
  return items.length === 0;
}

function addList(keys: Command, host: CommandHost): void {
  const command = keys.command('list').description('all keys, without their secrets');
  withExamples(command, 'swarmbid keys list', 'swarmbid keys list --json');
  onAction(host, command, async (session) => {
    const items = await allItems((page) => session.client.keys(page));
    const rows = items.map((key) => [
      key.id,
      key.role,
      key.ownerId,
      key.name === null ? '' : printable(key.name),
      key.createdAt,
      key.revokedAt ?? '–',
    ]);
    session.print(...(rows.length === 0 ? ['No keys.'] : renderTable(COLUMNS, rows, session.colors)));
    session.printDocument({ items, nextCursor: null });
    return EXIT.done;
  });
}

function addPool(keys: Command, host: CommandHost): void {
  const command = keys
    .command('pool')
    .description("the POOL_SECRET of one pool, made from the market's; asks no server")
    .argument('<name>', "the pool's name, as in SWARMBID_POOL")
    .addHelpText('after', "\nReads the market's secret from POOL_SECRET. It cannot be made from a pool's.");
  withExamples(command, 'POOL_SECRET=… swarmbid keys pool acme');
  onAction(host, command, async (session, _options, [name = '']) => {
    const { credentialOf } = await import('../../pool-credential.ts');
    const secret = credentialOf(readConfig(session.streams.env), name);
    session.print(secret);
    session.printDocument({ pool: name, poolSecret: secret });
    return EXIT.done;
  });
}

function addRevoke(keys: Command, host: CommandHost): void {
  const command = keys
    .command('revoke')
    .description('revoke a key; every server refuses it within 5 s')
    .argument('<id>', "the key's id, not the key");
  withExamples(command, 'swarmbid keys revoke ID');
  onAction(host, command, async (session, _options, [keyId = '']) => {
    await session.client.revokeKey(keyId);
    session.print(`Key ${keyId} is revoked.`);
    session.printDocument({ id: keyId, revoked: true });
    return EXIT.done;
  });
}
