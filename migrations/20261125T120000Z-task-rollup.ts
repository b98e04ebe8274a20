import { sql, type Kysely } from 'kysely';

/** Figures of ended tasks by minute and hour: `GET /admin/stats` over 90 days reads hours, not tasks. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
create table task_rollup (
  grain text not null check (grain in ('minute', 'hour')),
  at timestamptz not null, -- where the minute or hour begins, in UTC
  status text not null,
  tasks int not null,
  duration_ms double precision not null,
  quality_sum double precision not null,
  quality_count int not null,
  team_size_sum int not null,
  team_count int not null,
  parallel int not null,
  primary key (grain, at, status)
);
-- the roll-ups of a grain hold every task that ended before this instant, and none that ended later
create table task_rollup_progress (grain text primary key check (grain in ('minute', 'hour')), until timestamptz not null);
insert into task_rollup_progress values ('minute', 'epoch'), ('hour', 'epoch');
`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table task_rollup, task_rollup_progress`.execute(db);
}
