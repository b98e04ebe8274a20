import { sql, type RawBuilder } from 'kysely';
import type { Database } from '../db/database.ts';
import type { OwnedDatabase } from '../db/owned-database.ts';
import type { StepInputs } from '../contracts/step.ts';
import type { TaskSpec } from '../contracts/task.ts';
import { needOf } from './core/need.ts';
import { PRIORITIES } from '../contracts/task.ts';
import { beginTask } from './core/begin-task.ts';

export interface Submission {
  id: string;
  ownerId: string;
  spec: TaskSpec;
  data: Record<string, unknown>;
  /** By the number of the step; null for a task without steps. */
  stepInputs: StepInputs | null;
  /** The owner's idempotency key and the hash of the request it stands for. */
  key: SubmissionKey | undefined;
}

export interface SubmissionKey {
  text: string;
  requestHash: Buffer;
}

/** The task that an owner's key stands for. */
export interface KnownSubmission {
  kind: 'known';
  taskId: string;
  sameRequest: boolean;
}

export type SubmissionAnswer = { kind: 'created'; createdAt: Date } | KnownSubmission;

/** The time by which everything here is judged. */
export async function readTime(db: Database): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  return rows[0]?.now ?? new Date();
}

/**
 * Stores submissions, each with its key, its `task.accepted` event, its steps and its place on the board, in one transaction. A key that
 * its owner has used before wins over the new task, which is then not stored.
 */
export async function insertSubmissions(
  db: OwnedDatabase,
  submissions: readonly Submission[],
): Promise<SubmissionAnswer[]> {
  const ofOwners = [...Map.groupBy(submissions, (one) => one.ownerId)];
  const created = await db.writeEach(ofOwners.map(([ownerId, own]) => ({ ownerId, statement: insertion(own) })));
  const createdAt = new Map(created.map((row) => [row.id, row.createdAt]));
  return Promise.all(
    submissions.map(async (one): Promise<SubmissionAnswer> => {
      const at = createdAt.get(one.id);
      if (at !== undefined) return { kind: 'created', createdAt: at };
      const known = one.key === undefined ? undefined : await findKnown(db, one.ownerId, one.key);
      if (known === undefined) throw new Error(`submission ${one.id} was neither stored nor known`);
      return known;
    }),
  );
}

function insertion(submissions: readonly Submission[]): RawBuilder<{ id: string; createdAt: Date }> {
  const rows = submissions.map(rowOf);
  return sql`
with input as (
  select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as x(id uuid, owner_id text, type text, spec jsonb,
    data jsonb, deadline timestamptz, key text, request_hash text, step_inputs jsonb, openings jsonb, subtasks jsonb,
    domain text, priority smallint, event jsonb)
), keyed as (
  insert into idempotency (owner_id, key, request_hash, task_id)
  select owner_id, key, decode(request_hash, 'hex'), id from input where key is not null
  on conflict do nothing returning task_id
), fresh as (
  select * from input where key is null or id in (select task_id from keyed)
), t as (
  insert into task (id, owner_id, type, status, spec, data, step_inputs, event_seq, deadline, subtask_count)
  select id, owner_id, type, 'accepted', spec, data, step_inputs, 1, deadline, jsonb_array_length(subtasks) from fresh
  returning id, created_at
), e as (
  insert into event (task_id, seq, type, at, data) select t.id, 1, 'task.accepted', t.created_at, fresh.event from t join fresh using (id)
), o as (
  insert into opening (task_id, ord, need, skills, domain, priority, deadline)
  select fresh.id, o.ord, o.need, o.skills, fresh.domain, fresh.priority, fresh.deadline
  from fresh cross join lateral jsonb_to_recordset(fresh.openings) as o(ord int, need text, skills text[])
), s as (
  insert into subtask (id, task_id, ord, skills, status, attempt, step_id, hold)
  select s.id, fresh.id, s.ord, s.skills, 'pending', 1, s.step_id, s.hold
  from fresh cross join lateral jsonb_to_recordset(fresh.subtasks) as s(id text, ord int, skills text[], step_id text, hold text)
)
select id, created_at as "createdAt" from t`;
}

function rowOf(one: Submission) {
  const { task, openings } = beginTask(one, new Date(0));
  return {
    id: one.id,
    owner_id: one.ownerId,
    type: one.spec.type,
    spec: one.spec,
    data: one.data,
    deadline: one.spec.deadline ?? null,
    key: one.key?.text ?? null,
    request_hash: one.key?.requestHash.toString('hex') ?? null,
    step_inputs: one.stepInputs,
    openings: openings.map(({ ord, skills }) => ({ ord, skills, need: needOf(skills, one.spec.domain) })),
    subtasks: task.subtasks.map(({ id, ord, skills, stepId, hold }) => ({ id, ord, skills, step_id: stepId, hold })),
    domain: one.spec.domain ?? null,
    priority: PRIORITIES.indexOf(one.spec.priority),
    event: {
      type: one.spec.type,
      requiredSkills: one.spec.requiredSkills,
      complexity: one.spec.complexity,
      priority: one.spec.priority,
      ...(one.spec.steps === undefined ? {} : { steps: one.spec.steps.map((step) => step.id) }),
    },
  };
}

/** What this owner used the key for; undefined if it never did. */
export async function findKnown(
  db: OwnedDatabase,
  ownerId: string,
  key: SubmissionKey,
): Promise<KnownSubmission | undefined> {
  const row = await db.read({ role: 'submitter', ownerId }, (own) =>
    own
      .selectFrom('idempotency')
      .select(['task_id', 'request_hash'])
      .where('owner_id', '=', ownerId)
      .where('key', '=', key.text)
      .executeTakeFirst(),
  );
  if (row === undefined) return undefined;
  return { kind: 'known', taskId: row.task_id, sameRequest: row.request_hash.equals(key.requestHash) };
}
