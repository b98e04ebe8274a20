import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { OwnedDatabase } from '../../src/db/owned-database.ts';
import { createAgentRecords } from '../../src/agents/agent-records.ts';
import { declareRoutes, insertHandoff } from '../../src/agents/handoff-store.ts';
import { comparesVectors, memoryOf } from '../../src/agents/memory/memory-store.ts';
import type { HandoffRefusal } from '../../src/contracts/agent-market.ts';
import type { Principal } from '../../src/contracts/access.ts';
import type { Database } from '../../src/db/database.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = database.db;
});
afterAll(() => database.drop());

const ada: Principal = { keyId: 'k', role: 'submitter', ownerId: 'ada' };
const admin: Principal = { keyId: 'k', role: 'admin', ownerId: 'admin' };
const page = { limit: 50 };

function memory(agentId: string, ownerId: string) {
  const taskId = uuidv7();
  return memoryOf(db, { agentId, ownerId, taskId, subtaskId: `${taskId}-0` });
}

describe('memory', () => {
  it('is recalled by any of its words, the best match first, and says where it is from', async () => {
    const ours = memory('clerk', 'ada');
    await ours.remember('The printer on floor two needs cyan toner.');
    const best = await ours.remember('Invoices of the customer Müller go to the floor-two office.');
    const found = await ours.recall('Where do Müller’s invoices go?', { limit: 5 });
    expect(found[0]).toEqual(best);
    expect(best).toMatchObject({ agentId: 'clerk', ownerId: 'ada', subtaskId: `${best.taskId}-0` });
    expect(await ours.recall('entirely unrelated', { limit: 5 })).toEqual([]);
    expect(await ours.recall('floor', { limit: 1 })).toHaveLength(1);
  });

  it.each(["' | drop table", '& ! ( ) : *', '', '\u0000', '\\'])('is asked for %j without harm', async (query) => {
    expect(await memory('clerk', 'ada').recall(query, { limit: 5 })).toBeInstanceOf(Array);
  });

  it('of one owner’s tasks, or of another agent, is never recalled for another', async () => {
    await memory('keeper', 'ada').remember('the secret of ada');
    expect(await memory('keeper', 'bob').recall('secret', { limit: 5 })).toEqual([]);
    expect(await memory('other', 'ada').recall('secret', { limit: 5 })).toEqual([]);
    expect(await memory('keeper', 'ada').recall('secret', { limit: 5 })).toHaveLength(1);
  });

  it('is recalled by words alone where the database has no pgvector, also with an embedding', async () => {
    expect(await comparesVectors(db)).toBe(false);
    const ours = memory('embedder', 'ada');
    await ours.remember('a word', [1, 0, 0]);
    expect(await ours.recall('word', { limit: 5, embedding: [1, 0, 0] })).toHaveLength(1);
    expect(await ours.recall('nothing', { limit: 5, embedding: [1, 0, 0] })).toEqual([]);
  });

  it('is recalled by meaning, too, where the database compares vectors: here by a stand-in of pgvector', async () => {
    const other = await createTestDatabase(inject('postgresUrl'));
    try {
      await sql`
create domain vector as real[];
create function distance(a real[], b real[]) returns double precision language sql immutable as
  'select 1 - sum(x * y) / nullif(sqrt(sum(x * x)) * sqrt(sum(y * y)), 0) from unnest(a, b) as u(x, y)';
create operator <=> (leftarg = real[], rightarg = real[], function = distance)`.execute(other.db);
      const taskId = uuidv7();
      const ours = memoryOf(other.db, { agentId: 'a', ownerId: 'ada', taskId, subtaskId: `${taskId}-0` });
      await ours.remember('about cats', [1, 0, 0]);
      await ours.remember('about dogs', [0, 1, 0]);
      await ours.remember('of another model', [1, 0]);
      await ours.remember('dogs without an embedding');
      const found = await ours.recall('dogs', { limit: 5, embedding: [0.1, 0.9, 0] });
      expect(found.map(({ text }) => text)).toEqual(['about dogs', 'dogs without an embedding', 'about cats']);
    } finally {
      await other.drop();
    }
  });

  it('is refused when empty or over 4 000 characters', async () => {
    await expect(memory('clerk', 'ada').remember(' ')).rejects.toThrow('1–4000');
    await expect(memory('clerk', 'ada').remember('x'.repeat(4_001))).rejects.toThrow('1–4000');
    await memory('clerk', 'ada').remember('x'.repeat(4_000));
  });

  it('is listed and deleted by its owner and by admins, and by nobody else', async () => {
    const records = createAgentRecords({ db: new OwnedDatabase(db, db) });
    const first = await memory('listed', 'ada').remember('of ada');
    const other = await memory('listed', 'bob').remember('of bob');
    expect((await records.memories(ada, 'listed', page)).items).toEqual([first]);
    expect((await records.memories(admin, 'listed', page)).items).toEqual([other, first]);
    await expect(records.forget(ada, 'listed', other.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await records.forget(ada, 'listed', first.id);
    await expect(records.forget(ada, 'listed', first.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await records.forget(admin, 'listed', undefined);
    expect((await records.memories(admin, 'listed', page)).items).toEqual([]);
    const audited = await db.selectFrom('audit').select('action').execute();
    expect(audited).toContainEqual({ action: 'memory.forget' });
    expect(await memory('listed', 'ada').forget('no id')).toBe(false);
  });

  it('is listed in pages', async () => {
    const records = createAgentRecords({ db: new OwnedDatabase(db, db) });
    const ours = memory('paged', 'ada');
    for (const text of ['one', 'two', 'three']) await ours.remember(text);
    const first = await records.memories(ada, 'paged', { limit: 2 });
    expect(first.items.map(({ text }) => text)).toEqual(['three', 'two']);
    const second = await records.memories(ada, 'paged', { limit: 2, cursor: first.nextCursor ?? '' });
    expect(second.items.map(({ text }) => text)).toEqual(['one']);
    expect(second.nextCursor).toBeNull();
  });
});

describe('the log of handoffs', () => {
  let taskId = '';
  const scope = (attempt: string) => ({ taskId, subtaskId: `${taskId}-${attempt}`, epoch: 1, ownerId: 'ada' });
  const pass = (attempt: string, from: string, to: string, refused: HandoffRefusal | null = null) =>
    insertHandoff(db, scope(attempt), { from, to, refused, reason: 'because' });

  beforeAll(async () => {
    taskId = uuidv7();
    const task = { id: taskId, owner_id: 'ada', type: 't', status: 'running', spec: '{}', data: '{}' };
    await sql`insert into task (id, owner_id, type, status, spec, data)
      values (${task.id}, ${task.owner_id}, ${task.type}, ${task.status}, ${task.spec}, ${task.data})`.execute(db);
    await declareRoutes(db, 'triage', ['sales', 'support', 'never']);
    await declareRoutes(db, 'triage', ['sales', 'support', 'legal']);
    await pass('0', 'triage', 'sales');
    await pass('0', 'sales', 'triage');
    await pass('0', 'triage', 'sales', 'PING_PONG');
    await pass('1', 'triage', 'support');
  });

  it('tells a task’s handoffs in their order, with what was refused', async () => {
    const { items } = await createAgentRecords({ db: new OwnedDatabase(db, db) }).handoffs(admin, taskId, page);
    expect(items.map(({ from, to, refused }) => [from, to, refused])).toEqual([
      ['triage', 'sales', null],
      ['sales', 'triage', null],
      ['triage', 'sales', 'PING_PONG'],
      ['triage', 'support', null],
    ]);
  });

  it('tells which routes loop and which are never used; a route that is declared no more is gone', async () => {
    const { routes } = await createAgentRecords({ db: new OwnedDatabase(db, db) }).handoffReport(60_000);
    const by = (from: string, to: string) => routes.find((route) => route.from === from && route.to === to);
    expect(by('triage', 'sales')).toMatchObject({ made: 1, refused: 1, loopingAttempts: 1, neverUsed: false });
    expect(by('sales', 'triage')).toMatchObject({ declared: false, made: 1, loopingAttempts: 1 });
    expect(by('triage', 'support')).toMatchObject({ made: 1, loopingAttempts: 0 });
    expect(by('triage', 'legal')).toMatchObject({ made: 0, neverUsed: true });
    expect(by('triage', 'never')).toBeUndefined();
  });
});
