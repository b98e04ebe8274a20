import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/db/database.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { deleteOldTasks } from '../../src/orchestrator/index.ts';
import { rollUpTasks } from '../../src/reputation/index.ts';
import type { SwarmbidClient } from '../../src/sdk/index.ts';
import { Actor, hold } from '../support/actor.ts';
import { ADMIN_KEY, startMarket, type Market } from '../support/market.ts';
import { runCommand } from '../support/run-command.ts';

const HANGING = ['subtask', 'round', 'attempt', 'event', 'agent_message'] as const;
const work = { type: 'work', requiredSkills: ['work'] };

describe('the life of data', () => {
  const talker = new Actor({ id: 'talker', skills: ['work'] }, (_subtask, context) => {
    context.publish('news', 'done');
    return 'done';
  });
  const slow = new Actor({ id: 'slow', skills: ['wait'] });
  let market: Market;
  let keeper: Database;

  beforeAll(async () => {
    market = await startMarket({ transport: 'PostgreSQL', agents: [talker, slow] });
    keeper = openDatabase({
      url: market.databaseUrl,
      role: 'keeper',
      maxConnections: 2,
      applicationName: 'test',
      logger: createLogger('error'),
    });
  });
  afterAll(async () => {
    await keeper.destroy();
    await market.stop();
  });

  const owner = async (ownerId: string): Promise<SwarmbidClient> =>
    market.client((await market.admin.createKey({ role: 'submitter', ownerId })).key);

  /** An ended task of which reputation has been told, so that nothing more is written of it. */
  const runTask = async (client: SwarmbidClient, idempotencyKey: string): Promise<string> => {
    const { id } = await client.submit(work, { idempotencyKey });
    await market.changes(id, 1);
    return id;
  };

  const countOf = async (table: string, condition: ReturnType<typeof sql>): Promise<number> => {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from ${sql.table(table)}
      where ${condition}`.execute(market.db);
    return rows[0]?.count ?? NaN;
  };

  it('ends for a task RETENTION_DAYS after its end, with all that hangs on it; younger tasks, ledger and roll-ups stay', async () => {
    const client = await owner('old');
    const [oldId, youngId] = [await runTask(client, 'a'), await runTask(client, 'b')];
    await market.db
      .updateTable('task')
      .set({ finished_at: new Date(Date.now() - 86_400_000 * 2) })
      .where('id', '=', oldId)
      .execute();
    // Not rolled up yet: it would be missing in the figures of 90 days.
    await sql`update task_rollup_progress set until = 'epoch'`.execute(market.db);
    expect(await deleteOldTasks(keeper, 1)).toBe(false);
    expect(await countOf('task', sql`id = ${oldId}`)).toBe(1);
    await sql`delete from task_rollup`.execute(market.db);
    await rollUpTasks(market.db);
    expect(await deleteOldTasks(keeper, 1)).toBe(false);
    expect(await countOf('task', sql`id = ${oldId}`)).toBe(0);
    for (const table of [...HANGING, 'idempotency']) {
      expect([table, await countOf(table, sql`task_id = ${oldId}`)]).toEqual([table, 0]);
      expect([table, await countOf(table, sql`task_id = ${youngId}`)]).not.toEqual([table, 0]);
    }
    expect(await countOf('ledger', sql`task_id in (${oldId}, ${youngId})`)).toBe(2);
    expect(await countOf('task_rollup', sql`true`)).toBeGreaterThan(0);
    await expect(client.task(oldId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    // The key goes with its task: it may be used again.
    await expect(client.submit(work, { idempotencyKey: 'a' })).resolves.toMatchObject({ type: 'work' });
  });

  const exported = async (ownerId: string): Promise<{ kind: string; [field: string]: unknown }[]> => {
    let text = '';
    for await (const part of market.admin.exportOwner(ownerId)) text += part;
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string });
  };

  it('an owner’s data comes out whole: each row of it, none of another’s, and no hash of a key', async () => {
    const [ada, bob] = [await owner('ada'), await owner('bob')];
    const ids: string[] = [];
    for (let i = 0; i < 10; i++) ids.push((await ada.submit(work)).id);
    await runTask(bob, 'x');
    for (const id of ids) await market.changes(id, 1);
    const records = await exported('ada');
    expect(records.at(-1)).toEqual({ kind: 'end', records: records.length - 1 });
    const tasks = records.filter((record) => record.kind === 'task');
    expect(tasks.map((task) => task['id'])).toEqual(ids);
    for (const table of HANGING) {
      const stored = await countOf(table, sql`task_id = any(${ids}::uuid[])`);
      expect([table, records.filter((record) => record.kind === table).length]).toEqual([table, stored]);
    }
    expect(records.filter((record) => record.kind === 'ledger')).toHaveLength(10);
    expect(records.filter((record) => record.kind === 'key')).toMatchObject([{ ownerId: 'ada', role: 'submitter' }]);
    expect(JSON.stringify(records)).not.toMatch(/"hash"|bob/);
    await expect(ada.exportOwner('ada')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('an owner’s data goes: open tasks are cancelled first, keys are refused, the ledger stays without the owner', async () => {
    const client = await owner('eve');
    await runTask(client, 'x');
    const { act, release } = hold();
    slow.act = act;
    const open = await client.submit({ type: 'wait', requiredSkills: ['wait'] });
    await slow.runs.atLeast(1);
    const reputation = await market.admin.reputation('talker');
    const done = await market.admin.deleteOwnerData('eve');
    release();
    expect(done).toEqual({
      ownerId: 'eve',
      keysRevoked: 1,
      tasksCancelled: 1,
      tasksDeleted: 2,
      memoriesDeleted: 0,
      ledgerEntries: 2,
    });
    await expect(client.tasks()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(market.admin.task(open.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await exported('eve')).filter((record) => record.kind !== 'key')).toEqual([{ kind: 'end', records: 1 }]);
    expect((await market.admin.reputation('talker')).reputation).toBe(reputation.reputation);
    expect(await market.admin.deleteOwnerData('eve')).toMatchObject({ tasksDeleted: 0, ledgerEntries: 0 });
    const { items } = await market.admin.audit();
    expect(
      items.find((entry) => entry.action === 'owner.deleted' && entry.details['tasksDeleted'] === 2),
    ).toMatchObject({
      actor: 'env',
      target: 'eve',
    });
  });

  it('the command line exports to the end or says that it could not, and deletes only what it is told to with --yes', async () => {
    await runTask(await owner('cli'), 'x');
    const run = (...argv: string[]) =>
      runCommand(argv, { env: { SWARMBID_URL: market.url, SWARMBID_TOKEN: ADMIN_KEY } });
    const out = await run('data', 'export', 'cli');
    expect(out.exitCode).toBe(0);
    expect(out.stdout).toMatch(/"kind":"task".*\n(.*\n)*\{"kind":"end","records":\d+\}\n$/);
    const refused = await run('data', 'delete', 'cli');
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    const deleted = await run('data', 'delete', 'cli', '--yes', '--json');
    expect(deleted.exitCode).toBe(0);
    expect(JSON.parse(deleted.stdout)).toMatchObject({ ownerId: 'cli', tasksDeleted: 1, keysRevoked: 1 });
  });
});
