import { sql, type Kysely } from 'kysely';

/** The backlog by owner, which every API process reads again and again: it must cost what is open, not what there ever was. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
create index task_open on task (owner_id) where status not in ('completed', 'failed', 'cancelled', 'expired')
`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop index task_open`.execute(db);
}
