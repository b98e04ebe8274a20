import { sql, type Kysely } from 'kysely';

/** Tasks with steps of their own: what each step waits for, what it is to improve, and what a person was asked. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
alter table task add column step_inputs jsonb; -- description and data of each step, by its number: only its agent needs them
alter table task add column escalations jsonb not null default '[]';
alter table task add column decision_due_at timestamptz;
-- escalations that nobody has decided in time
create index task_by_decision on task (decision_due_at) where decision_due_at is not null;

alter table subtask drop constraint subtask_status_check;
alter table subtask add constraint subtask_status_check check (status in ('pending', 'awarded', 'running', 'accepted',
  'rejected', 'failed', 'cancelled', 'skipped'));
alter table subtask add column provisional boolean not null default false; -- accepted, its ledger entry not made yet
alter table subtask add column step_id text;
alter table subtask add column hold text check (hold in ('dependencies', 'condition', 'decision'));
alter table subtask add column iteration int not null default 1;
alter table subtask add column revises jsonb;
-- steps whose conditions are to be settled
create index subtask_by_condition on subtask (task_id, ord) where hold = 'condition';

update subtask set provisional = true from attempt
where attempt.subtask_id = subtask.id and attempt.epoch = subtask.epoch and attempt.verdict = 'provisional'
  and subtask.status = 'accepted';

-- GET /tasks/{id}/messages
create index agent_message_by_task on agent_message (task_id, id);
`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
drop index agent_message_by_task;
drop index subtask_by_condition;
alter table subtask drop column provisional, drop column step_id, drop column hold, drop column iteration,
  drop column revises;
update subtask set status = 'cancelled' where status = 'skipped';
alter table subtask drop constraint subtask_status_check;
alter table subtask add constraint subtask_status_check check (status in ('pending', 'awarded', 'running', 'accepted',
  'rejected', 'failed', 'cancelled'));
drop index task_by_decision;
alter table task drop column step_inputs, drop column escalations, drop column decision_due_at;
`.execute(db);
}
