import { sql, type Kysely } from 'kysely';

/**
 * Three roles that own nothing, one for each part of the market, each with what it needs (docs/running.md shows them); a
 * fourth owns BullMQ's schema. Row-level security holds them, and the owner, to these rows:
 *
 * - `swarmbid_api`: those of the owner whom the transaction names in `swarmbid.owner`; `*` names all, nothing names none.
 * - `swarmbid_pool`: attempts of the pool in `swarmbid.pool`, and the tasks that they are of.
 * - `swarmbid_orchestrator`: all.
 *
 * Every table that holds an owner's data is in OWNED or PARTS; test/integration/row-security.test.ts fails for one that is not.
 */

/** Tables whose rows name their owner. */
const OWNED = ['task', 'idempotency', 'ledger', 'feedback', 'agent_memory', 'handoff'];
/** Tables whose rows are of a task, and so of its owner. */
const PARTS = ['subtask', 'opening', 'round', 'attempt', 'event'];
/** Tables that the API alone reads, for all owners: a key is looked up before anybody is known. */
const API_ONLY = ['api_key', 'audit'];

const TASK_STATE = `status, version, epoch, round, event_seq, synthesis_due_at, team, result, warnings, error, input_tokens,
  output_tokens, cost_usd, subtask_count, updated_at, started_at, finished_at, escalations, decision_due_at`;
const AGENT_CARD = 'name, skills, domains, capacity, pool';

/** What each role may do, beside reading `kysely_migration`. A cancelled task is decided by the API: it writes as an orchestrator does. */
const GRANTS: Record<string, Record<string, string>> = {
  swarmbid_api: {
    task: `select, insert, update (${TASK_STATE})`,
    idempotency: 'select, insert',
    subtask: 'select, insert, update',
    opening: 'select, insert, update, delete',
    round: 'select, insert',
    attempt: 'select, insert, update (seen, closed_at, verdict)',
    event: 'select, insert',
    ledger: 'select, insert',
    agent_message: 'select',
    feedback: 'select, insert',
    outbox: 'select, insert, delete',
    agent: `select, insert (id, ${AGENT_CARD}, status), update (${AGENT_CARD}, status)`,
    agent_skill: 'select',
    replica: 'select',
    skill: 'select, insert, update',
    task_rollup: 'select',
    task_rollup_progress: 'select',
    agent_memory: 'select, delete',
    handoff: 'select',
    handoff_route: 'select',
    tool: 'select, insert, update (withdrawn)',
    api_key: 'select, insert, update (revoked_at)',
    audit: 'select, insert',
  },
  // It submits too: what an agent hands to the market becomes a task of the same owner.
  swarmbid_orchestrator: {
    task: `select, insert, update (${TASK_STATE})`,
    idempotency: 'select, insert',
    feedback: 'select',
    audit: 'select, insert',
    subtask: 'select, insert, update',
    opening: 'select, insert, update, delete',
    round: 'select, insert',
    attempt: 'select, insert, update (seen, closed_at, verdict, requeues, due_at)',
    event: 'select, insert',
    ledger: 'select, insert, update (fold_seq, before, after, told)',
    ledger_fold_seq: 'usage',
    outbox: 'select, insert, delete, update (job_id)', // update: to lock rows
    agent: 'select, update (reputation, accepted, failed, response_ms_sum, team_accepted, team_failed)',
    agent_skill: 'select, insert, update',
    agent_message: 'select, update (pending)',
    replica: 'select',
    skill: 'select, insert',
    task_rollup: 'select, insert',
    task_rollup_progress: 'select, update (until)',
  },
  swarmbid_pool: {
    attempt: `select, update (replica_id, claimed_at, due_at, progress_percent, progress_note, outcome, value, error,
      input_tokens, output_tokens, cost_usd, ended_at, changes, made_by)`,
    task: `select (id, owner_id, type, status, spec, data, step_inputs, team, result, error, input_tokens, output_tokens, cost_usd)`,
    subtask: 'select',
    idempotency: 'select (task_id, key)',
    agent_memory: 'select, insert, delete',
    handoff: 'insert',
    handoff_route: 'select, insert, delete',
    skill: 'select',
    tool: 'select',
    agent_message: 'select, insert',
    agent: `select, insert (id, ${AGENT_CARD}), update (${AGENT_CARD})`,
    replica: 'select, insert, update, delete',
  },
};
/** What the bus needs, whoever speaks. */
const BUS = { bus_payload: 'select, insert, delete', bus_secret: 'select' };
const ROLES = Object.keys(GRANTS);
const QUEUE_ROLE = 'swarmbid_queue';

const OWNER = "(select current_setting('swarmbid.owner', true))";
const POOL = "(select current_setting('swarmbid.pool', true))";
/** A scalar query, which cannot be turned into a hash of all tasks. */
const OF_VISIBLE_TASK = '(select true from task t where t.id = task_id)';
const OF_POOLS_ATTEMPT = (task: string) => `(select true from attempt a where a.task_id = ${task} limit 1)`;
const SERVED_HERE = (agent: string) => `(select true from agent g where g.id = ${agent} and g.pool = ${POOL})`;

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const role of [...ROLES, QUEUE_ROLE]) await ensureRole(db, role);
  const run = (statement: string) => sql.raw(statement).execute(db);
  for (const role of ROLES) await run(membership(QUEUE_ROLE, role));
  // what BullMQ keeps is expendable; made again, it belongs to the queues' role
  await run('drop schema if exists bullmq cascade');
  await run(`do $$ begin execute format('grant create on database %I to ${QUEUE_ROLE}', current_database()); end $$`);
  for (const role of ROLES) {
    await run(`grant usage on schema public to ${role}`);
    await run(`grant select on kysely_migration to ${role}`);
    for (const [object, rights] of Object.entries({ ...GRANTS[role], ...BUS })) {
      await run(`grant ${rights} on ${object === 'ledger_fold_seq' ? 'sequence ' : ''}${object} to ${role}`);
    }
  }
  // what a pool may see of a task whose messages it gets
  await run(`create index idempotency_of_handoffs on idempotency (task_id) where key like 'handoff:%'`);
  for (const statement of policies()) await run(statement);
}

function policies(): string[] {
  const all = [...OWNED, ...PARTS, ...API_ONLY, 'agent_message'];
  const api = (table: string, what: string) => `create policy api on ${table} to swarmbid_api ${what}`;
  const pool = (table: string, what: string) => `create policy pool on ${table} to swarmbid_pool ${what}`;
  return [
    ...all.flatMap((table) => [
      `alter table ${table} enable row level security`,
      `alter table ${table} force row level security`,
    ]),
    ...OWNED.map((table) => api(table, `using (${OWNER} = '*' or owner_id = ${OWNER})`)),
    // A submission writes a task and its parts in one statement, in which the one cannot see the other yet.
    ...PARTS.flatMap((table) => [
      api(table, `using (${OWNER} = '*' or ${OF_VISIBLE_TASK}) with check (${OWNER} <> '')`),
    ]),
    api('agent_message', `using (${OWNER} = '*' or ${OF_VISIBLE_TASK})`),
    ...API_ONLY.map((table) => api(table, 'using (true)')),
    ...[...OWNED, ...PARTS, 'agent_message', 'audit'].map(
      (table) => `create policy orchestrator on ${table} to swarmbid_orchestrator using (true)`,
    ),
    pool('attempt', `using (pool = ${POOL})`),
    pool('subtask', `using (${OF_POOLS_ATTEMPT('subtask.task_id')})`),
    pool(
      'task',
      `using (${OF_POOLS_ATTEMPT('task.id')} or (select true from agent_message m where m.task_id = task.id limit 1)
        or (select true from idempotency i where i.task_id = task.id and i.key like 'handoff:%' limit 1))`,
    ),
    // its name says of which subtask's work the task is a part
    pool(
      'idempotency',
      `using (key like 'handoff:%' and (select true from attempt a where a.subtask_id = split_part(key, ':', 2) limit 1))`,
    ),
    pool('handoff', `with check (${OF_POOLS_ATTEMPT('handoff.task_id')})`),
    pool('agent_memory', `using (${SERVED_HERE('agent_memory.agent_id')})`),
    pool(
      'agent_message',
      `using (${SERVED_HERE('from_agent')} or ${SERVED_HERE('to_agent')}) with check (${SERVED_HERE('from_agent')})`,
    ),
  ];
}

/** An owner that may grant no roles is given them with their memberships. */
const membership = (group: string, role: string) => `do $$ begin
  if not pg_has_role('${role}', '${group}', 'member') then grant ${group} to ${role}; end if;
end $$`;

/** Roles belong to the whole server: another database of it may have made them, at this moment too. */
async function ensureRole(db: Kysely<unknown>, role: string): Promise<void> {
  await sql
    .raw(
      `do $$ begin
  if not exists (select from pg_roles where rolname = '${role}') then
    begin
      create role ${role} nologin;
    exception when duplicate_object or unique_violation then null;
    end;
  end if;
  -- so that one connection string can serve every part of the market: a process takes on the role of its part; of itself the
  -- owner has none of their rights, as policies of all roles together would ask each other in circles
  if not (select rolsuper from pg_roles where rolname = current_user) then
    begin
      execute format('grant ${role} to %I with inherit false', current_user);
    exception when insufficient_privilege then
      if not pg_has_role(current_user, '${role}', 'member') then raise; end if;
    end;
  end if;
end $$`,
    )
    .execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  const run = (statement: string) => sql.raw(statement).execute(db);
  await run('drop index idempotency_of_handoffs');
  const { rows } = await sql<{ policy: string; table: string }>`
    select policyname as policy, tablename as table from pg_policies where schemaname = 'public'`.execute(db);
  for (const { policy, table } of rows) await run(`drop policy ${policy} on ${table}`);
  for (const table of [...OWNED, ...PARTS, ...API_ONLY, 'agent_message']) {
    await run(`alter table ${table} no force row level security`);
    await run(`alter table ${table} disable row level security`);
  }
  await run('drop schema if exists bullmq cascade');
  for (const role of ROLES) {
    await run(`revoke all on all tables in schema public from ${role}`);
    await run(`revoke all on all sequences in schema public from ${role}`);
    await run(`revoke usage on schema public from ${role}`);
  }
  await run(
    `do $$ begin execute format('revoke create on database %I from ${QUEUE_ROLE}', current_database()); end $$`,
  );
  // the roles stay: other databases of the server may use them
}
