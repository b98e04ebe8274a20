import { sql, type Kysely } from 'kysely';

/**
 * The secret from which a market without POOL_SECRET derives the keys of its bus: made here, once, so that no process needs
 * to be configured and none can be started without. 244 random bits.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
create table bus_secret (
  one boolean primary key default true check (one),
  secret text not null
);
insert into bus_secret (secret) values (replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table bus_secret`.execute(db);
}
