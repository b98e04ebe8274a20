import { sql, type Selectable } from 'kysely';
import { MarketError } from '../contracts/errors.ts';
import type { Principal } from '../contracts/access.ts';
import type { ReceiptRound } from '../contracts/award.ts';
import type { TaskEvent } from '../contracts/events.ts';
import type { MessageView } from '../contracts/message.ts';
import type {
  Maker,
  SubtaskStatus,
  SubtaskView,
  TaskListItem,
  TaskResult,
  TaskStatus,
  TaskView,
} from '../contracts/task.ts';
import { taskIdSchema } from '../contracts/primitives.ts';
import type { Database } from '../db/database.ts';
import type { OwnedDatabase } from '../db/owned-database.ts';
import type { Tables } from '../db/tables.ts';
import type { TaskSpec } from '../contracts/task.ts';
import { stepsView, withDependencies } from './step-views.ts';
import { TEAM_SIZE } from './core/team-formation.ts';

type TaskRow = Omit<Selectable<Tables['task']>, 'quality' | 'team_size' | 'decision_due_at'>;

interface SubtaskRow {
  id: string;
  task_id: string;
  skills: string[];
  status: SubtaskStatus;
  agent_id: string | null;
  epoch: number;
  attempt: number;
  progress_percent: number;
  quality: number | null;
  quality_source: SubtaskView['qualitySource'];
  error: SubtaskView['error'] | null;
  started_at: Date | null;
  finished_at: Date | null;
  step_id: string | null;
  iteration: number;
  value: unknown;
  made_by: Maker | null;
  feedback: number | null;
}

export interface TaskFilter {
  status?: TaskStatus | undefined;
  type?: string | undefined;
  agentId?: string | undefined;
  /** Ids before this one, for the next page. */
  before?: string | undefined;
  limit: number;
}

const notFound = () => new MarketError('NOT_FOUND', 'There is no such task.');

/** Reads tasks for people: what belongs to another owner is as absent as what does not exist. */
export class TaskViews {
  private readonly db: OwnedDatabase;

  constructor(db: OwnedDatabase) {
    this.db = db;
  }

  async get(principal: Principal, taskId: string): Promise<TaskView> {
    return this.db.read(principal, async (db) => {
      const row = await taskOf(db, principal, taskId).selectAll().executeTakeFirst();
      if (row === undefined) throw notFound();
      const subtasks = await readSubtasks(db, [taskId], true);
      return { ...viewOf(row, subtasks.get(taskId) ?? []), ...stepsView(row.spec, row.step_inputs), data: row.data };
    });
  }

  /** @throws MarketError NOT_FOUND */
  position(principal: Principal, taskId: string): Promise<{ status: TaskStatus; lastSeq: number }> {
    return this.db.read(principal, (db) => readPosition(db, principal, taskId));
  }

  list(principal: Principal, filter: TaskFilter): Promise<TaskListItem[]> {
    return this.db.read(principal, (db) => listTasks(db, principal, filter));
  }

  events(principal: Principal, taskId: string, after: number, limit: number): Promise<TaskEvent[]> {
    return this.db.read(principal, async (db) => {
      await readPosition(db, principal, taskId);
      const rows = await db
        .selectFrom('event')
        .selectAll()
        .where('task_id', '=', taskId)
        .where('seq', '>', after)
        .orderBy('seq')
        .limit(limit)
        .execute();
      return rows.map(eventOf);
    });
  }

  /** One page for each position, in their order. Whose tasks they are was asked when the watch began. */
  async readManyEvents(
    positions: readonly { taskId: string; afterSeq: number }[],
    limitPerTask: number,
  ): Promise<TaskEvent[][]> {
    const { rows } = await sql<EventRow & { position: number }>`
      select p.position, e.* from jsonb_to_recordset(${JSON.stringify(positions.map((one, position) => ({ ...one, position })))}::jsonb)
        as p("taskId" uuid, "afterSeq" int, position int)
      cross join lateral (select * from event where task_id = p."taskId" and seq > p."afterSeq" order by seq limit ${limitPerTask}) e
      order by p.position, e.seq`.execute(this.db.everyOwner);
    const pages = positions.map((): TaskEvent[] => []);
    for (const row of rows) pages[row.position]?.push(eventOf(row));
    return pages;
  }

  receipts(principal: Principal, taskId: string): Promise<ReceiptRound[]> {
    return this.db.read(principal, async (db) => {
      await readPosition(db, principal, taskId);
      const rows = await db
        .selectFrom('round')
        .select('receipt')
        .where('task_id', '=', taskId)
        .orderBy('round')
        .execute();
      return rows.map((row) => row.receipt);
    });
  }

  /** Oldest first, with ids over `after`. */
  messages(principal: Principal, taskId: string, after: string | undefined, limit: number): Promise<MessageView[]> {
    return this.db.read(principal, async (db) => {
      await readPosition(db, principal, taskId);
      let query = db
        .selectFrom('agent_message')
        .select(['id', 'subtask_id', 'from_agent', 'to_agent', 'topic', 'data', 'at'])
        .where('task_id', '=', taskId)
        .orderBy('id')
        .limit(limit);
      if (after !== undefined) query = query.where('id', '>', after);
      const rows = await query.execute();
      return rows.map(messageView);
    });
  }
}

function messageView(row: Omit<Selectable<Tables['agent_message']>, 'task_id' | 'pending'>): MessageView {
  const { id, topic, data, at } = row;
  return { id, subtaskId: row.subtask_id, from: row.from_agent, to: row.to_agent, topic, data, at: at.toISOString() };
}

function taskOf(db: Database, principal: Principal, taskId: string) {
  // An id that is no UUID names nothing; PostgreSQL would refuse it as a value.
  const id = taskIdSchema.safeParse(taskId).success ? taskId : '00000000-0000-0000-0000-000000000000';
  const query = db.selectFrom('task').where('id', '=', id);
  return principal.role === 'admin' ? query : query.where('owner_id', '=', principal.ownerId);
}

async function readPosition(
  db: Database,
  principal: Principal,
  taskId: string,
): Promise<{ status: TaskStatus; lastSeq: number }> {
  const row = await taskOf(db, principal, taskId).select(['status', 'event_seq']).executeTakeFirst();
  if (row === undefined) throw notFound();
  return { status: row.status, lastSeq: row.event_seq };
}

async function listTasks(db: Database, principal: Principal, filter: TaskFilter): Promise<TaskListItem[]> {
  let query = db
    .selectFrom('task')
    .select([
      'id',
      'owner_id',
      'type',
      'status',
      'spec',
      'version',
      'epoch',
      'round',
      'event_seq',
      'deadline',
      'synthesis_due_at',
      'team',
      'warnings',
      'error',
      'escalations',
      sql<Omit<TaskResult, 'sections'> | null>`result - 'sections'`.as('result'),
      'input_tokens',
      'output_tokens',
      'cost_usd',
      'subtask_count',
      'created_at',
      'updated_at',
      'started_at',
      'finished_at',
    ])
    .orderBy('id', 'desc')
    .limit(filter.limit);
  if (principal.role !== 'admin') query = query.where('owner_id', '=', principal.ownerId);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  if (filter.type !== undefined) query = query.where('type', '=', filter.type);
  if (filter.before !== undefined) query = query.where('id', '<', filter.before);
  const { agentId } = filter;
  if (agentId !== undefined) {
    query = query.where('id', 'in', (of) => of.selectFrom('subtask').select('task_id').where('agent_id', '=', agentId));
  }
  const rows = await query.execute();
  const subtasks = await readSubtasks(
    db,
    rows.map((row) => row.id),
    false,
  );
  return rows.map((row) => viewOf(row, subtasks.get(row.id) ?? []));
}

async function readSubtasks(
  db: Database,
  taskIds: readonly string[],
  withResults: boolean,
): Promise<Map<string, SubtaskView[]>> {
  if (taskIds.length === 0) return new Map();
  const { rows } = await sql<SubtaskRow>`
    select s.*, f.quality as feedback, a.made_by, ${withResults ? sql`a.value` : sql`null`} as value
    from subtask s
    left join attempt a on a.subtask_id = s.id and a.epoch = s.epoch and s.status = 'accepted'
    left join feedback f on f.subtask_id = s.id
    where s.task_id = any(${taskIds}::uuid[]) order by s.task_id, s.ord`.execute(db);
  const byTask = new Map<string, SubtaskView[]>();
  for (const row of rows) byTask.set(row.task_id, [...(byTask.get(row.task_id) ?? []), subtaskView(row, withResults)]);
  return byTask;
}

type EventRow = Selectable<Tables['event']>;

function eventOf(row: EventRow): TaskEvent {
  return { seq: row.seq, taskId: row.task_id, type: row.type, at: row.at.toISOString(), data: row.data };
}

function subtaskView(row: SubtaskRow, withResult: boolean): SubtaskView {
  return {
    id: row.id,
    skill: row.skills[0] ?? null,
    skills: row.skills,
    status: row.status,
    agentId: row.agent_id,
    attempt: row.attempt,
    epoch: row.epoch,
    progressPercent: row.progress_percent,
    quality: row.feedback ?? row.quality,
    qualitySource: row.feedback === null ? row.quality_source : 'requester',
    startedAt: row.started_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
    ...(row.made_by === null ? {} : { madeBy: row.made_by }),
    ...(withResult && row.status === 'accepted' ? { result: row.value } : {}),
    ...(row.error === null || row.error === undefined ? {} : { error: row.error }),
    ...(row.step_id === null ? {} : { stepId: row.step_id, iteration: row.iteration }),
  };
}

function viewOf<Result extends Pick<TaskResult, 'quality'>>(
  row: Omit<TaskRow, 'data' | 'result' | 'step_inputs'> & { result: Result | null },
  subtasks: SubtaskView[],
): Omit<TaskView, 'data' | 'steps' | 'result'> & { result?: Result } {
  return {
    id: row.id,
    ...specView(row.spec),
    status: row.status,
    ownerId: row.owner_id,
    round: row.round,
    team: row.team,
    subtasks: withDependencies(row.spec, subtasks, row.escalations),
    progressPercent: progressOf(row.status, subtasks),
    ...(row.result === null ? {} : { result: withFeedback(row.result, subtasks) }),
    ...(row.escalations.length === 0 ? {} : { escalations: row.escalations }),
    warnings: row.warnings,
    ...(row.error === null ? {} : { error: row.error }),
    usage: { inputTokens: row.input_tokens, outputTokens: row.output_tokens, costUsd: row.cost_usd },
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}

/** A requester's word counts as the quality of its part, and so in the mean. */
function withFeedback<Result extends Pick<TaskResult, 'quality'>>(
  result: Result,
  subtasks: readonly SubtaskView[],
): Result {
  if (!subtasks.some((subtask) => subtask.qualitySource === 'requester')) return result;
  const known = subtasks.flatMap((subtask) => (subtask.status === 'accepted' ? (subtask.quality ?? []) : []));
  const mean = known.reduce((sum, quality) => sum + quality, 0) / known.length;
  return { ...result, quality: Math.round(mean * 100) / 100 };
}

type Inside = 'blamableSkills' | 'steps' | 'traceparent';
const INSIDE: ReadonlySet<string> = new Set<Inside>(['blamableSkills', 'steps', 'traceparent']);

/** The specification as people read it; what the market derived for itself stays inside. */
export function specView(spec: TaskSpec): Omit<TaskSpec, Inside | 'maxTeamSize'> & { maxTeamSize: number } {
  const entries = Object.entries(spec).filter(([name]) => !INSIDE.has(name));
  return {
    ...(Object.fromEntries(entries) as Omit<TaskSpec, Inside>),
    maxTeamSize: spec.maxTeamSize ?? TEAM_SIZE[spec.complexity],
  };
}

/** Mean progress of the subtasks that are not left out; 100 only when the task is completed. */
function progressOf(status: TaskStatus, subtasks: readonly SubtaskView[]): number {
  if (status === 'completed') return 100;
  const parts = subtasks.filter((subtask) => subtask.status !== 'skipped');
  if (parts.length === 0) return 0;
  const mean = parts.reduce((sum, subtask) => sum + subtask.progressPercent, 0) / parts.length;
  return Math.min(99, Math.round(mean));
}
