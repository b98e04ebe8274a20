/**
 * Tries what docs/running.md says of back-ups, on real data: a market works, is backed up, is restored elsewhere, and must
 * then know every task, event and reputation, hold an audit trail that verifies, and go on working.
 *
 *   node scripts/backup-trial.ts                                  the copy of an embedded market's data directory
 *   node scripts/backup-trial.ts postgres://user:secret@host/db   pg_dump and pg_restore, on databases that it makes there
 */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { createLogger } from '../src/observability/logger.ts';
import { SwarmbidClient } from '../src/sdk/index.ts';

const run = promisify(execFile);
const TASKS = 50;
const KEY = 'sb_the_key_of_the_backup_trial';
const TASK = { type: 'cost-review', requiredSkills: ['cost_tracking'], data: { costs: { hosting: 1500 } } };

async function withMarket<Result>(
  env: NodeJS.ProcessEnv,
  use: (client: SwarmbidClient) => Promise<Result>,
): Promise<Result> {
  const app = await createApp(readConfig({ PORT: '0', SWARMBID_ADMIN_KEY: KEY, ...env }), {
    logger: createLogger('error'),
  });
  try {
    const { url } = await app.start();
    if (url === null) throw new Error('the market started without its API');
    return await use(new SwarmbidClient({ url, token: KEY }));
  } finally {
    await app.stop();
  }
}

async function fill(client: SwarmbidClient): Promise<void> {
  await client.createKey({ role: 'submitter', name: 'kept' });
  const tasks = await Promise.all(Array.from({ length: TASKS }, () => client.submit(TASK)));
  for (const { id } of tasks) {
    for await (const event of client.watch(id, { untilEnd: false })) if (event.type === 'reputation.changed') break;
  }
}

/** What must be the same before and after. */
async function stateOf(client: SwarmbidClient) {
  const { items: tasks } = await client.tasks({ limit: 200 });
  const events = await Promise.all(tasks.map(async ({ id }) => (await client.events(id, { limit: 200 })).items));
  const leaderboard = (await client.leaderboard()).items.map(({ agentId, reputation }) => ({ agentId, reputation }));
  return {
    tasks,
    events,
    leaderboard,
    keys: (await client.keys()).items,
    audit: (await client.audit({ limit: 200 })).items,
  };
}

async function check(before: unknown, client: SwarmbidClient): Promise<void> {
  if (!isDeepStrictEqual(await stateOf(client), before))
    throw new Error('the restored market is not what was backed up');
  const { id } = await client.submit(TASK);
  const task = await client.wait(id);
  if (task.status !== 'completed') throw new Error(`the restored market ended a task as ${task.status}`);
}

async function tryCopy(): Promise<void> {
  const home = await mkdtemp(path.join(tmpdir(), 'swarmbid-backup-'));
  // as root, PostgreSQL runs as another user, who must be able to enter
  await chmod(home, 0o755);
  const [original, copy] = [path.join(home, 'original'), path.join(home, 'copy')];
  try {
    const before = await withMarket({ SWARMBID_DATA_DIR: original }, async (client) => {
      await fill(client);
      return stateOf(client);
    });
    await run('cp', ['-a', original, copy]);
    await rm(original, { recursive: true });
    await withMarket({ SWARMBID_DATA_DIR: copy }, (client) => check(before, client));
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function tryDump(server: string): Promise<void> {
  const home = await mkdtemp(path.join(tmpdir(), 'swarmbid-backup-'));
  const file = path.join(home, 'market.dump');
  const of = (name: string) => Object.assign(new URL(server), { pathname: name }).href;
  const [original, restored] = ['swarmbid_trial', 'swarmbid_trial_restored'];
  const psql = (statement: string) => run('psql', ['-qc', statement, server]);
  const removeBoth = async () => {
    for (const name of [original, restored]) await psql(`drop database if exists ${name} with (force)`);
  };
  try {
    await removeBoth();
    await psql(`create database ${original}`);
    await psql(`create database ${restored}`);
    const before = await withMarket({ DATABASE_URL: of(original) }, async (client) => {
      await fill(client);
      const state = await stateOf(client);
      // while the market runs: a dump is a snapshot
      await run('pg_dump', ['--format=custom', '--exclude-schema=bullmq', `--file=${file}`, of(original)]);
      return state;
    });
    await run('pg_restore', ['--no-owner', '--exit-on-error', `--dbname=${of(restored)}`, file]);
    await psql(`grant create on database ${restored} to swarmbid_queue`);
    console.log(`the dump has ${(await stat(file)).size} bytes`);
    await withMarket({ DATABASE_URL: of(restored) }, (client) => check(before, client));
    await verifyAudit(of(restored));
  } finally {
    await removeBoth();
    await rm(home, { recursive: true, force: true });
  }
}

async function verifyAudit(databaseUrl: string): Promise<void> {
  const program = path.join(import.meta.dirname, '../src/bin/swarmbid.ts');
  const env = { ...process.env, DATABASE_URL: databaseUrl, SWARMBID_ADMIN_KEY: KEY };
  const { stdout } = await run(process.execPath, [program, 'doctor', '--audit'], { env }).catch((error: unknown) => {
    // other checks may fail here, as that of a server: none runs any more
    return error as { stdout: string };
  });
  const line = stdout.split('\n').find((one) => /audit/i.test(one)) ?? stdout;
  console.log(line.trim());
}

const [server] = process.argv.slice(2);
await (server === undefined ? tryCopy() : tryDump(server));
console.log(`${TASKS} tasks were restored, and the market went on.`);
