import { sql, type Kysely } from 'kysely';

/** The market's tables. Each index names the query that it serves. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
create table api_key (
  id text primary key,
  role text not null check (role in ('submitter', 'agent', 'admin')),
  name text,
  owner_id text not null,
  hash bytea not null unique,
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz
);

create table audit (
  seq bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  target text,
  details jsonb not null default '{}'
);

create table skill (
  id text primary key,
  description text not null,
  output_schema jsonb,
  checks jsonb not null default '[]',
  updated_at timestamptz not null default clock_timestamp()
);

-- reputation, accepted, failed and fold_seq are a projection of the ledger, written by the fold alone
create table agent (
  id text primary key,
  name text not null,
  skills text[] not null,
  domains text[] not null default '{}',
  capacity int not null check (capacity > 0),
  pool text,
  status text not null default 'active' check (status in ('active', 'draining', 'suspended', 'retired')),
  reputation int not null default 100 check (reputation between 0 and 150),
  accepted int not null default 0,
  failed int not null default 0,
  response_ms_sum bigint not null default 0,
  team_accepted int not null default 0,
  team_failed int not null default 0,
  registered_at timestamptz not null default clock_timestamp()
);
-- leaderboard
create index agent_by_reputation on agent (reputation desc, id) where status <> 'retired';
-- agents of a pool that joins or leaves
create index agent_by_pool on agent (pool);

create table replica (
  id text primary key,
  pool text not null,
  started_at timestamptz not null default clock_timestamp(),
  heartbeat_at timestamptz not null default clock_timestamp(),
  healthy boolean not null default true,
  reason text,
  event_loop_delay_ms real not null default 0,
  memory_percent real not null default 0,
  unhealthy_agents text[] not null default '{}'
);
-- live replicas of a pool
create index replica_by_pool on replica (pool, heartbeat_at);

create table task (
  id uuid primary key,
  owner_id text not null,
  type text not null,
  status text not null check (status in ('accepted', 'announced', 'awarded', 'running', 'synthesizing', 'escalated',
                                         'completed', 'failed', 'cancelled', 'expired')),
  spec jsonb not null,
  data jsonb not null,
  version int not null default 1,
  epoch int not null default 0,
  round int not null default 0,
  event_seq int not null default 0,
  deadline timestamptz,
  synthesis_due_at timestamptz,
  team jsonb not null default '[]',
  result jsonb,
  warnings jsonb not null default '[]',
  error jsonb,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cost_usd double precision not null default 0,
  subtask_count int not null default 0,
  -- what GET /admin/stats reads of many tasks at once, so that it need not open their results
  quality real generated always as ((result ->> 'quality')::real) stored,
  team_size int not null generated always as (jsonb_array_length(team)) stored,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  started_at timestamptz,
  finished_at timestamptz
);
-- GET /tasks of one owner, newest first (UUIDv7 sorts by age)
create index task_by_owner on task (owner_id, id desc);
-- GET /tasks?status=
create index task_by_status on task (status, id desc);
-- GET /tasks?type=
create index task_by_type on task (type, id desc);
-- the deadline loop
create index task_by_deadline on task (deadline)
  where deadline is not null and status not in ('completed', 'failed', 'cancelled', 'expired');
-- the synthesis lease
create index task_by_synthesis on task (synthesis_due_at) where status = 'synthesizing';
-- GET /admin/stats windows, without the rows of the tasks
create index task_by_finish on task (finished_at)
  include (status, created_at, subtask_count, team_size, quality) where finished_at is not null;

create table idempotency (
  owner_id text not null,
  key text not null,
  request_hash bytea not null,
  task_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (owner_id, key)
);

create table subtask (
  id text primary key,
  task_id uuid not null references task on delete cascade,
  ord int not null,
  skills text[] not null,
  status text not null check (status in ('pending', 'awarded', 'running', 'accepted', 'rejected', 'failed', 'cancelled')),
  agent_id text,
  pool text,
  epoch int not null default 0,
  attempt int not null default 0,
  lost_leases int not null default 0,
  tried text[] not null default '{}',
  round int not null default 0,
  progress_percent real not null default 0,
  quality real,
  quality_source text,
  error jsonb,
  started_at timestamptz,
  finished_at timestamptz,
  unique (task_id, ord)
);
-- GET /tasks?agentId= and an agent's recent work
create index subtask_by_agent on subtask (agent_id, task_id desc);

create or replace function subtask_epoch_only_grows() returns trigger language plpgsql as $$
begin
  if new.epoch < old.epoch then
    raise exception 'epoch of subtask % cannot fall from % to %', old.id, old.epoch, new.epoch;
  end if;
  return new;
end $$;
create trigger subtask_epoch before update of epoch on subtask
  for each row when (new.epoch < old.epoch) execute function subtask_epoch_only_grows();

-- the board: what is open for bids now; a row goes with its award
create table opening (
  task_id uuid not null references task on delete cascade,
  ord int not null, -- the subtask's, or -1 for the whole task
  need text not null, -- domain|skills: openings with one need can be served by the same agents
  skills text[] not null,
  domain text,
  priority smallint not null,
  deadline timestamptz,
  opened_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  tries int not null default 0,
  parked boolean not null default false, -- waits for freed capacity, a joining pool, or due_at
  incapable_ms int not null default 0,
  incapable_since timestamptz,
  primary key (task_id, ord)
);
-- the auction: due openings of one need; distinct needs by a loose scan
create index opening_by_need on opening (need, due_at);
-- when the next one falls due
create index opening_by_due on opening (due_at);
-- how many of a need were announced and wait
create index opening_announced on opening (need) where tries > 0;

create table round (
  task_id uuid not null references task on delete cascade,
  round int not null,
  receipt jsonb not null,
  at timestamptz not null default clock_timestamp(),
  primary key (task_id, round)
);

-- an award and what came of it: the only table that a pool writes
create table attempt (
  subtask_id text not null references subtask on delete cascade,
  epoch int not null,
  task_id uuid not null,
  agent_id text not null,
  pool text not null,
  attempt int not null,
  timeout_ms int not null,
  awarded_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null, -- unclaimed: dispatch again; claimed: the lease
  requeues int not null default 0,
  replica_id text,
  claimed_at timestamptz,
  progress_percent real,
  progress_note text,
  outcome text check (outcome in ('delivered', 'failed', 'timed_out')),
  value jsonb,
  error text,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cost_usd double precision not null default 0,
  ended_at timestamptz,
  changes int not null default 0, -- what the pool has written; the orchestrator has read up to seen
  seen int not null default 0,
  closed_at timestamptz,
  verdict text,
  primary key (subtask_id, epoch)
);
-- reserved load of an agent
create index attempt_reserved on attempt (agent_id) where closed_at is null;
-- intake of claims, progress and deliveries
create index attempt_unread on attempt (awarded_at) where changes > seen;
-- leases and dispatch time-outs
create index attempt_due on attempt (due_at) where closed_at is null and outcome is null;
-- a task's attempts, locked with it
create index attempt_by_task on attempt (task_id, subtask_id, epoch);
-- one accepted delivery for a subtask, ever
create unique index attempt_accepted on attempt (subtask_id) where verdict = 'accepted';

-- messages between agents, to be told as events
create table agent_message (
  id uuid primary key,
  task_id uuid not null references task on delete cascade,
  subtask_id text not null,
  from_agent text not null,
  to_agent text,
  topic text not null,
  data jsonb,
  at timestamptz not null default clock_timestamp(),
  pending boolean not null default true
);
create index agent_message_pending on agent_message (at) where pending;
create index agent_message_by_subtask on agent_message (subtask_id);

create table event (
  task_id uuid not null references task on delete cascade,
  seq int not null,
  type text not null,
  at timestamptz not null,
  data jsonb not null,
  primary key (task_id, seq)
);

create table ledger (
  id bigint generated always as identity primary key,
  effect_key text not null unique,
  agent_id text not null,
  task_id uuid not null,
  owner_id text not null,
  subtask_id text not null,
  skill text,
  outcome text not null check (outcome in ('accepted', 'failed', 'rejected', 'timed_out', 'market_failure')),
  quality real,
  quality_source text,
  delta int not null,
  reason text,
  duration_ms int,
  team boolean not null default false,
  at timestamptz not null default clock_timestamp(),
  fold_seq bigint unique,
  before int,
  after int,
  told boolean not null default false -- as an event of its task
);
create sequence ledger_fold_seq;
-- the fold's queue
create index ledger_unfolded on ledger (agent_id, id) where fold_seq is null;
-- folded, but not told yet
create index ledger_untold on ledger (fold_seq) where fold_seq is not null and not told;
-- one agent's history, and its reputation at an instant (trend, movers)
create index ledger_by_agent on ledger (agent_id, at desc, id desc);

-- per agent and skill, written by the fold
create table agent_skill (
  agent_id text not null references agent on delete cascade,
  skill text not null,
  accepted int not null default 0,
  failed int not null default 0,
  quality_sum double precision not null default 0,
  quality_count int not null default 0,
  duration_ms_sum bigint not null default 0,
  duration_count int not null default 0,
  primary key (agent_id, skill)
);
-- leaderboard?skill=
create index agent_skill_by_skill on agent_skill (skill, agent_id);

create table feedback (
  subtask_id text primary key references subtask on delete cascade,
  task_id uuid not null,
  owner_id text not null,
  quality real not null check (quality between 0 and 100),
  comment text,
  at timestamptz not null default clock_timestamp()
);

create table outbox (
  id bigint generated always as identity primary key,
  queue text not null,
  job_id text not null,
  data jsonb not null
);
-- jobs that were carried right after their commit
create index outbox_by_job on outbox (job_id);

-- messages of the LISTEN/NOTIFY bus that are too large for a notification; nothing here outlives a minute
create unlogged table bus_payload (
  id uuid primary key,
  body text not null,
  at timestamptz not null default clock_timestamp()
);
create index bus_payload_by_age on bus_payload (at);
`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
drop table bus_payload, outbox, feedback, agent_skill, ledger, event, agent_message, attempt, round, opening, subtask,
  idempotency, task, replica, agent, skill, audit, api_key;
drop sequence ledger_fold_seq;
drop function subtask_epoch_only_grows();
`.execute(db);
}
