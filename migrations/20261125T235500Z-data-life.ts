import { sql, type Kysely } from 'kysely';

/**
 * What retention, export and deletion of an owner's data need: ways to find it, and a role of their own, so that neither the
 * API nor the orchestrator gets the right to delete a task.
 */
const ROLE = 'swarmbid_keeper';

const GRANTS: Record<string, string> = {
  task: 'select, delete, update (updated_at)', // update: to lock rows; what hangs on a task goes by cascade
  idempotency: 'select, delete',
  subtask: 'select',
  round: 'select',
  attempt: 'select',
  event: 'select',
  agent_message: 'select',
  handoff: 'select',
  feedback: 'select',
  agent_memory: 'select, delete',
  ledger: 'select, update (owner_id)',
  api_key: 'select (id, role, name, owner_id, created_at, revoked_at)',
  audit: 'select, insert',
};

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
-- the export of an owner's data
create index feedback_by_task on feedback (task_id);
-- keys go with the task that they stand for
create index idempotency_by_task on idempotency (task_id);
-- export and deletion of an owner's memories
create index agent_memory_by_owner on agent_memory (owner_id, id);

-- as the migration of roles makes them
do $$ begin
  if not exists (select from pg_roles where rolname = 'swarmbid_keeper') then
    begin
      create role swarmbid_keeper nologin;
    exception when duplicate_object or unique_violation then null;
    end;
  end if;
  if not (select rolsuper from pg_roles where rolname = current_user) then
    begin
      execute format('grant swarmbid_keeper to %I with inherit false', current_user);
    exception when insufficient_privilege then
      if not pg_has_role(current_user, 'swarmbid_keeper', 'member') then raise; end if;
    end;
  end if;
end $$;
grant usage on schema public to swarmbid_keeper;
grant select on kysely_migration, task_rollup_progress to swarmbid_keeper;
`.execute(db);
  for (const [table, rights] of Object.entries(GRANTS)) {
    await sql.raw(`grant ${rights} on ${table} to ${ROLE}`).execute(db);
    await sql.raw(`create policy keeper on ${table} to ${ROLE} using (true)`).execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const table of Object.keys(GRANTS)) await sql.raw(`drop policy keeper on ${table}`).execute(db);
  await sql`
revoke all on all tables in schema public from swarmbid_keeper;
revoke usage on schema public from swarmbid_keeper;
drop index agent_memory_by_owner, idempotency_by_task, feedback_by_task;
`.execute(db);
}
