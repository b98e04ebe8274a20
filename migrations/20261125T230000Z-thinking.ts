import { sql, type Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
-- the attempt's share of the task's budget, and what made its delivery
alter table attempt
  add column max_tokens bigint,
  add column max_cost_usd double precision,
  add column made_by jsonb;

-- tools as data: every change is a new version, and none is changed
create table tool (
  name text not null,
  version int not null,
  body jsonb not null,
  trial_result jsonb,
  published_at timestamptz not null default clock_timestamp(),
  withdrawn boolean not null default false,
  primary key (name, version)
);

-- what agents remember, each of the tasks of one owner
create table agent_memory (
  id uuid primary key,
  agent_id text not null,
  owner_id text not null,
  text text not null,
  task_id uuid not null,
  subtask_id text not null,
  at timestamptz not null default clock_timestamp(),
  embedding real[],
  words tsvector not null generated always as (to_tsvector('simple', text)) stored
);
-- recall, the limit of what one agent keeps of one owner, and the list of an agent's memories
create index agent_memory_by_agent on agent_memory (agent_id, owner_id, id desc);
-- recall by words
create index agent_memory_by_words on agent_memory using gin (words);

-- conversations that went, or were kept from going, from one agent to another
create table handoff (
  id uuid primary key,
  task_id uuid not null references task on delete cascade,
  subtask_id text not null,
  epoch int not null,
  owner_id text not null,
  from_agent text not null,
  to_agent text not null,
  refused text,
  reason text not null,
  at timestamptz not null default clock_timestamp()
);
-- GET /tasks/{id}/handoffs
create index handoff_by_task on handoff (task_id, id);
-- GET /admin/handoffs
create index handoff_by_time on handoff (at);

-- to whom agents may hand a conversation: what of it is never used can be found
create table handoff_route (
  from_agent text not null,
  to_agent text not null,
  declared_at timestamptz not null default clock_timestamp(),
  primary key (from_agent, to_agent)
);
`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
drop table handoff_route, handoff, agent_memory, tool;
alter table attempt drop column max_tokens, drop column max_cost_usd, drop column made_by;
`.execute(db);
}
