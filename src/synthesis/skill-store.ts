import type { Selectable } from 'kysely';
import type { Principal } from '../contracts/access.ts';
import { MarketError, type FieldError } from '../contracts/errors.ts';
import { decodeCursor, pageOf } from '../contracts/page-cursor.ts';
import { SLUG_PATTERN, type Page } from '../contracts/primitives.ts';
import type { PageQuery, SkillCatalogue } from '../contracts/services.ts';
import type { Skill, SkillBody } from '../contracts/skill.ts';
import { auditEntry } from '../db/audit-entry.ts';
import type { Database } from '../db/database.ts';
import type { Tables } from '../db/tables.ts';
import { systemClock, type Clock } from '../util/clock.ts';
import { compileCheck } from './core/expressions.ts';
import type { Judge } from './judge.ts';
import { readAhead } from './read-ahead.ts';

/** How long a record read may be used before it is read again: the net for a lost invalidation. */
const FRESH_MS = 5_000;
const RECORDS_KEPT = 1_000;

export interface SkillRecords extends SkillCatalogue {
  /**
   * The records of those of `ids` that the market has one of, in the order of `ids`. At most 5 s old; newer after
   * `invalidate`.
   */
  byIds(ids: readonly string[]): Promise<Skill[]>;
  /** Writes the records of skills that have none; leaves the others as they are. */
  ensureBuiltIn(skills: readonly Skill[]): Promise<void>;
  /** Forgets what was read: call it when another process says that a record changed. */
  invalidate(): void;
}

interface Options {
  db: Database;
  judge: Pick<Judge, 'schemaFault'>;
  /** Called after a change has been committed, with the skill's id, so that other processes can be told. */
  onChange: (skillId: string) => void;
  clock?: Clock;
}

/** The market's own records of skills. Only an admin's `put` changes them; no bidder can. */
export function createSkillCatalogue(options: Options): SkillRecords {
  const { db, onChange } = options;
  const recent = createRecentRecords(db, options.clock ?? systemClock);
  return {
    list: (query) => listSkills(db, query),
    byIds: (ids) => recent.read(ids),
    invalidate: () => recent.forget(),
    put: async (principal: Principal, id: string, body: SkillBody) => {
      await refuseFaults(body, options.judge);
      const row = rowOf({ ...body, id });
      await db.transaction().execute(async (trx) => {
        await trx
          .insertInto('skill')
          .values(row)
          .onConflict((conflict) => conflict.column('id').doUpdateSet({ ...row, updated_at: new Date() }))
          .execute();
        await auditEntry(principal, 'skill.put', id, { checks: body.checks.length }).execute(trx);
      });
      recent.forget();
      onChange(id);
      return { ...body, id };
    },
    ensureBuiltIn: async (skills) => {
      if (skills.length === 0) return;
      const rows = skills.map(rowOf);
      await db
        .insertInto('skill')
        .values(rows)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      recent.forget();
    },
  };
}

/** Also remembers that there is no record: most skills have none, and every verdict asks. */
function createRecentRecords(db: Database, clock: Clock) {
  const records = new Map<string, { skill: Skill | null; freshUntilMs: number }>();
  let generation = 0;

  async function load(ids: string[], nowMs: number): Promise<Map<string, Skill>> {
    const begun = generation;
    const rows = await db.selectFrom('skill').selectAll().where('id', 'in', ids).execute();
    const found = new Map(rows.map((row) => [row.id, toSkill(row)]));
    // what was read before an invalidation may be old
    if (begun !== generation) return found;
    if (records.size + ids.length > RECORDS_KEPT) records.clear();
    for (const id of ids) records.set(id, { skill: found.get(id) ?? null, freshUntilMs: nowMs + FRESH_MS });
    return found;
  }

  return {
    forget: () => {
      generation += 1;
      records.clear();
    },
    read: async (ids: readonly string[]): Promise<Skill[]> => {
      const nowMs = clock.now().getTime();
      const known = new Map<string, Skill | null>();
      for (const id of ids) {
        const record = records.get(id);
        if (record !== undefined && record.freshUntilMs > nowMs) known.set(id, record.skill);
      }
      const missing = [...new Set(ids)].filter((id) => !known.has(id));
      const loaded = missing.length === 0 ? new Map<string, Skill>() : await load(missing, nowMs);
      return ids.flatMap((id) => loaded.get(id) ?? known.get(id) ?? []);
    },
  };
}

async function listSkills(db: Database, query: PageQuery): Promise<Page<Skill>> {
  const after = decodeCursor(query.cursor, SLUG_PATTERN) ?? '';
  const rows = await db
    .selectFrom('skill')
    .selectAll()
    .where('id', '>', after)
    .orderBy('id')
    .limit(query.limit + 1)
    .execute();
  return pageOf(rows, query.limit, toSkill, (row) => row.id);
}

async function refuseFaults(body: SkillBody, judge: Options['judge']): Promise<void> {
  await readAhead(body.checks.map((check) => check.expression));
  const errors: FieldError[] = body.checks.flatMap((check, i) => {
    const message = compileCheck(check.expression);
    return message === null ? [] : [{ path: `checks.${i}.expression`, message }];
  });
  const message = body.outputSchema === undefined ? null : await judge.schemaFault(body.outputSchema);
  if (message !== null) errors.unshift({ path: 'outputSchema', message });
  if (errors.length === 0) return;
  throw new MarketError('INVALID_REQUEST', 'The skill has a schema or a check that cannot be used.', { errors });
}

function rowOf(skill: Skill) {
  return {
    id: skill.id,
    description: skill.description,
    output_schema: skill.outputSchema === undefined ? null : JSON.stringify(skill.outputSchema),
    checks: JSON.stringify(skill.checks),
  };
}

function toSkill(row: Selectable<Tables['skill']>): Skill {
  const { id, description, checks } = row;
  return { id, description, checks, ...(row.output_schema === null ? {} : { outputSchema: row.output_schema }) };
}
