import { sql } from 'kysely';
import type { PublishedTool, ToolBody } from '../../contracts/tool.ts';
import type { Database, Trx } from '../../db/database.ts';

interface ToolRow {
  name: string;
  version: number;
  body: ToolBody;
  trial_result: unknown;
  published_at: Date;
}

/** Each in its newest version, by name, those after `after`; withdrawn ones are left out. */
export async function readTools(
  db: Database,
  which: { names?: readonly string[] | undefined; after?: string | undefined; limit: number },
): Promise<PublishedTool[]> {
  const { names, after = '', limit } = which;
  const { rows } = await sql<ToolRow>`
    select * from (
      select distinct on (name) * from tool
      where name > ${after} and (${names === undefined} or name = any(${names ?? []}::text[]))
      order by name, version desc
    ) newest where not withdrawn order by name limit ${limit}`.execute(db);
  return rows.map(toolView);
}

/** All versions, newest first. */
export async function readVersions(db: Database, name: string, limit: number): Promise<PublishedTool[]> {
  const rows = await db
    .selectFrom('tool')
    .select(['name', 'version', 'body', 'trial_result', 'published_at'])
    .where('name', '=', name)
    .orderBy('version', 'desc')
    .limit(limit)
    .execute();
  return rows.map(toolView);
}

/** Two at once become two versions. */
export async function insertVersion(
  trx: Trx,
  name: string,
  body: ToolBody,
  trialResult: unknown,
): Promise<PublishedTool> {
  await sql`select pg_advisory_xact_lock(hashtext(${`tool:${name}`}))`.execute(trx);
  const { rows } = await sql<ToolRow>`
    insert into tool (name, version, body, trial_result)
    select ${name}, coalesce(max(version), 0) + 1, ${JSON.stringify(body)}::jsonb, ${JSON.stringify(trialResult)}::jsonb
    from tool where name = ${name}
    returning name, version, body, trial_result, published_at`.execute(trx);
  const [row] = rows;
  if (row === undefined) throw new Error('the tool was not stored');
  return toolView(row);
}

/** It is offered to nobody from now on; its versions stay. True if it was offered before. */
export async function withdrawTool(db: Database | Trx, name: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('tool')
    .set({ withdrawn: true })
    .where('name', '=', name)
    .where('withdrawn', '=', false)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

function toolView({ name, version, body, trial_result, published_at }: ToolRow): PublishedTool {
  return { ...body, name, version, trialResult: trial_result, publishedAt: published_at.toISOString() };
}
