import { sql } from 'kysely';
import type { AgentMemory, Memory } from '../../contracts/agent-market.ts';
import type { Database, Trx } from '../../db/database.ts';
import { UUID_PATTERN, uuidv7 } from '../../util/uuid.ts';
import { storableText } from '../../util/json.ts';

const MAX_CHARS = 4_000;
/** Of one agent in the tasks of one owner; the oldest go. */
const KEPT = 10_000;
const QUERY_CHARS = 4_000;

/** In whose tasks, and in which of them, an agent is at work. */
export interface MemoryScope {
  agentId: string;
  ownerId: string;
  taskId: string;
  subtaskId: string;
}

interface MemoryRow {
  id: string;
  agent_id: string;
  owner_id: string;
  text: string;
  task_id: string;
  subtask_id: string;
  at: Date;
}

export function memoryOf(db: Database, scope: MemoryScope): AgentMemory {
  return {
    remember: (text, embedding) => remember(db, scope, text, embedding),
    recall: (query, { limit, embedding }) => recall(db, scope, query, limit, embedding),
    forget: async (id) => (await forgetMemories(db, { ...scope, id })) > 0,
  };
}

async function remember(
  db: Database,
  { agentId, ownerId, taskId, subtaskId }: MemoryScope,
  text: string,
  embedding?: readonly number[],
): Promise<Memory> {
  const stored = storableText(text.trim(), MAX_CHARS + 1);
  if (stored === '' || stored.length > MAX_CHARS) throw new Error(`a memory has 1–${MAX_CHARS} characters`);
  const row = await db
    .insertInto('agent_memory')
    .values({
      id: uuidv7(),
      agent_id: agentId,
      owner_id: ownerId,
      text: stored,
      task_id: taskId,
      subtask_id: subtaskId,
      embedding: embedding === undefined ? null : [...embedding],
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await sql`
    delete from agent_memory where id in (
      select id from agent_memory where agent_id = ${agentId} and owner_id = ${ownerId}
      order by id desc offset ${KEPT})`.execute(db);
  return memoryView(row);
}

/** Both ways give a list of ranks, and a memory's score is the sum of 1 / (60 + rank) over them (reciprocal rank fusion, Cormack et al. 2009). */
async function recall(
  db: Database,
  { agentId, ownerId }: MemoryScope,
  query: string,
  limit: number,
  embedding: readonly number[] | undefined,
): Promise<Memory[]> {
  const words = storableText(query, QUERY_CHARS);
  const byMeaning = embedding !== undefined && (await comparesVectors(db));
  const near = byMeaning
    ? sql`select id, row_number() over (order by embedding::vector <=> ${[...embedding]}::real[]::vector) as rank
        from agent_memory where agent_id = ${agentId} and owner_id = ${ownerId}
          and cardinality(embedding) = ${embedding.length}`
    : sql`select null::uuid as id, 0::bigint as rank where false`;
  const { rows } = await sql<MemoryRow>`
    with asked as (
      select coalesce(string_agg(quote_literal(lexeme), ' | '), '')::tsquery as q
      from unnest(to_tsvector('simple', ${words}))
    ), worded as (
      select id, row_number() over (order by ts_rank_cd(words, q) desc, id desc) as rank
      from agent_memory, asked where agent_id = ${agentId} and owner_id = ${ownerId} and words @@ q
    ), near as (${near}), found as (
      select id, sum(1.0 / (60 + rank)) as score
      from (select * from worded where rank <= 100 union all select * from near where rank <= 100) ranked group by id
    )
    select m.id, m.agent_id, m.owner_id, m.text, m.task_id, m.subtask_id, m.at
    from found join agent_memory m using (id) order by found.score desc, m.id desc limit ${limit}`.execute(db);
  return rows.map(memoryView);
}

const vectors = new WeakMap<Database, Promise<boolean>>();

/** Whether the database has pgvector: the embedded one has not. Asked once for each process. */
export function comparesVectors(db: Database): Promise<boolean> {
  const known = vectors.get(db);
  if (known !== undefined) return known;
  const asked = sql<{ has: boolean }>`select to_regtype('vector') is not null as has`
    .execute(db)
    .then(({ rows }) => rows[0]?.has === true);
  asked.catch(() => vectors.delete(db));
  vectors.set(db, asked);
  return asked;
}

/** Newest first, those before `before`. Without an owner: of all. */
export async function readMemories(
  db: Database,
  query: { agentId: string; ownerId: string | undefined; before: string | undefined; limit: number },
): Promise<Memory[]> {
  const rows = await db
    .selectFrom('agent_memory')
    .select(['id', 'agent_id', 'owner_id', 'text', 'task_id', 'subtask_id', 'at'])
    .where('agent_id', '=', query.agentId)
    .$if(query.ownerId !== undefined, (some) => some.where('owner_id', '=', query.ownerId ?? ''))
    .$if(query.before !== undefined, (some) => some.where('id', '<', query.before ?? ''))
    .orderBy('id', 'desc')
    .limit(query.limit)
    .execute();
  return rows.map(memoryView);
}

/** Deletes for good: one memory, or all of the agent; of one owner, or of all. Returns how many there were. */
export async function forgetMemories(
  db: Database | Trx,
  which: { agentId: string; ownerId?: string | undefined; id?: string | undefined },
): Promise<number> {
  if (which.id !== undefined && !UUID_PATTERN.test(which.id)) return 0;
  const { numDeletedRows } = await db
    .deleteFrom('agent_memory')
    .where('agent_id', '=', which.agentId)
    .$if(which.ownerId !== undefined, (some) => some.where('owner_id', '=', which.ownerId ?? ''))
    .$if(which.id !== undefined, (some) => some.where('id', '=', which.id ?? ''))
    .executeTakeFirst();
  return Number(numDeletedRows);
}

function memoryView(row: MemoryRow): Memory {
  return {
    id: row.id,
    agentId: row.agent_id,
    ownerId: row.owner_id,
    text: row.text,
    taskId: row.task_id,
    subtaskId: row.subtask_id,
    at: row.at.toISOString(),
  };
}
