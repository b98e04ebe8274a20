import type { Kysely } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';
import * as market from '../../migrations/20261121T100000Z-market.ts';
import * as taskRollup from '../../migrations/20261125T120000Z-task-rollup.ts';
import * as auditChain from '../../migrations/20261125T220000Z-audit-chain.ts';
import * as busSecret from '../../migrations/20261125T221000Z-bus-secret.ts';
import * as thinking from '../../migrations/20261125T230000Z-thinking.ts';
import * as workflows from '../../migrations/20261125T230000Z-workflows.ts';
import * as roles from '../../migrations/20261125T233000Z-roles.ts';
import * as openTasks from '../../migrations/20261125T234500Z-open-tasks.ts';
import * as dataLife from '../../migrations/20261125T235500Z-data-life.ts';

/** Listed by hand, so that a bundle or a package needs no folder to read. */
const migrations: Record<string, Migration> = {
  '20261121T100000Z-market': market,
  '20261125T120000Z-task-rollup': taskRollup,
  '20261125T220000Z-audit-chain': auditChain,
  '20261125T221000Z-bus-secret': busSecret,
  '20261125T230000Z-thinking': thinking,
  '20261125T230000Z-workflows': workflows,
  '20261125T233000Z-roles': roles,
  '20261125T234500Z-open-tasks': openTasks,
  '20261125T235500Z-data-life': dataLife,
};

/** Brings the schema up to date, one process at a time (Kysely's migrator takes an advisory lock). Returns what was applied. */
export async function migrateToLatest(db: Kysely<never>): Promise<string[]> {
  return finish(await newMigrator(db).migrateToLatest());
}

/** Undoes every migration: all tables go. */
export async function migrateDown(db: Kysely<never>): Promise<string[]> {
  const undone: string[] = [];
  for (;;) {
    const step = finish(await newMigrator(db).migrateDown());
    if (step.length === 0) return undone;
    undone.push(...step);
  }
}

/** Names of the migrations that are not applied yet. */
export async function pendingMigrations(db: Kysely<never>): Promise<string[]> {
  const all = await newMigrator(db).getMigrations();
  return all.filter((migration) => migration.executedAt === undefined).map((migration) => migration.name);
}

function newMigrator(db: Kysely<never>): Migrator {
  return new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } });
}

function finish(result: { error?: unknown; results?: { migrationName: string; status: string }[] }): string[] {
  if (result.error !== undefined)
    throw new Error('a migration failed; nothing of it was applied', { cause: result.error });
  return (result.results ?? []).filter((one) => one.status === 'Success').map((one) => one.migrationName);
}
