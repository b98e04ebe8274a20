import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import * as auditChain from '../../migrations/20261125T220000Z-audit-chain.ts';
import { readConfig } from '../../src/config.ts';
import type { Principal } from '../../src/contracts/access.ts';
import { verifyAuditChain } from '../../src/db/audit-chain.ts';
import { auditEntry } from '../../src/db/audit-entry.ts';
import { checkAuditTrail } from '../../src/doctor.ts';
import { startMarket, type Market } from '../support/market.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const ANN: Principal = { keyId: 'ann', role: 'admin', ownerId: 'o' };

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
});
afterEach(() => database.drop());

const write = (count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, n) =>
      auditEntry(ANN, 'skill.put', `é"\\${n}`, { n, deep: { x: [null, 1.5] } }).execute(database.db),
    ),
  );

/** What a superuser can do who goes round the triggers. */
const tamper = (statement: string) =>
  database.db.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    await sql.raw(statement).execute(trx);
  });

describe('the audit trail', () => {
  test('is one chain without a gap, however many write at once, and some roll back', async () => {
    const failing = database.db.transaction().execute(async (trx) => {
      await auditEntry(ANN, 'task.cancel', 'never').execute(trx);
      throw new Error('rolled back');
    });
    await Promise.all([write(40), failing.catch(() => undefined)]);
    const rows = await database.db.selectFrom('audit').select('seq').orderBy('seq').execute();
    expect(rows.map((row) => row.seq)).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
    expect(await verifyAuditChain(database.db)).toMatchObject({ entries: 40, broken: null });
  });

  test('holds when it is empty', async () => {
    expect(await verifyAuditChain(database.db)).toEqual({ entries: 0, head: null, broken: null });
  });

  test.each(["update audit set actor = 'bob'", 'delete from audit', 'truncate audit'])(
    'refuses "%s" to its own owner',
    async (statement) => {
      await write(1);
      await expect(sql.raw(statement).execute(database.db)).rejects.toThrow(
        /append-only: (UPDATE|DELETE|TRUNCATE) refused/,
      );
    },
  );

  test('takes neither number, time nor hash from who writes', async () => {
    await write(1);
    await sql`insert into audit (seq, at, actor, action, details, prev_hash, hash)
      values (77, '2001-01-01', 'a', 'b', '{}', 'x', 'y')`.execute(database.db);
    expect(await verifyAuditChain(database.db)).toMatchObject({ entries: 2, broken: null });
  });

  test.each([
    ['an altered actor', "update audit set actor = 'bob' where seq = 3", 3],
    ['an altered time', "update audit set at = at + interval '1 microsecond' where seq = 3", 3],
    ['altered details', `update audit set details = '{"n": 9}' where seq = 3`, 3],
    [
      'a row altered with its hash made anew',
      "update audit set actor = 'bob', hash = audit_hash(prev_hash, seq, at, 'bob', action, target, details) where seq = 3",
      4,
    ],
    ['a removed row', 'delete from audit where seq = 3', 4],
    ['two rows changed places', 'update audit a set seq = 1007 - a.seq where seq in (3, 4)', 5],
  ])('names the first row that does not hold after %s', async (_what, statement, seq) => {
    await write(6);
    await tamper(statement);
    const { broken } = await verifyAuditChain(database.db);
    expect(broken?.seq).toBe(seq);
    const check = await checkAuditTrail(readConfig({ DATABASE_URL: database.url }));
    expect(check).toMatchObject({ ok: false, detail: expect.stringContaining(`row ${seq} is broken`) as string });
  });

  test('does not believe a database that lies about its hashes', async () => {
    await write(3);
    await sql`create or replace function audit_hash(prev_hash bytea, seq bigint, at timestamptz, actor text, action text,
      target text, details jsonb) returns bytea language sql stable as $$ select sha256('forged') $$`.execute(
      database.db,
    );
    await write(1);
    expect((await verifyAuditChain(database.db)).broken?.seq).toBe(4);
  });

  test('shows by its head that rows were cut off the end', async () => {
    await write(3);
    const { head } = await verifyAuditChain(database.db);
    await tamper('delete from audit where seq = 3');
    expect((await verifyAuditChain(database.db)).head).not.toBe(head);
  });

  test('begins with the rows that were there before it was a chain', async () => {
    await auditChain.down(database.db as never);
    await sql`insert into audit (actor, action, details) select 'old', 'x', '{}' from generate_series(1, 3)`.execute(
      database.db,
    );
    await sql`delete from audit where seq = 2`.execute(database.db);
    await auditChain.up(database.db as never);
    await write(2);
    expect(await verifyAuditChain(database.db)).toMatchObject({ entries: 4, broken: null });
    expect(await checkAuditTrail(readConfig({ DATABASE_URL: database.url }))).toMatchObject({ ok: true });
  });
});

describe('a change and its audit entry are one transaction', () => {
  let market: Market;
  beforeEach(async () => {
    market = await startMarket({ transport: 'PostgreSQL', agents: [] });
    await market.admin.registerAgent({ id: 'ann', skills: ['a'] });
  });
  afterEach(() => market.stop());

  const send = (method: string, path: string, body?: unknown) =>
    market.fetch(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });

  test('a cancelled task, a changed skill, a changed or retired agent stay as they were when the trail takes no entry', async () => {
    const { id } = await market.submit({ type: 'job', requiredSkills: ['nobody-has-it'] });
    await sql`alter table audit add constraint takes_nothing check (false) not valid`.execute(market.db);
    const answers = [
      await send('POST', `/v1/tasks/${id}/cancel`),
      await send('PUT', '/v1/skills/mine', { description: 'd', checks: [] }),
      await send('PATCH', '/v1/agents/ann', { status: 'suspended' }),
      await send('DELETE', '/v1/agents/ann'),
      await send('POST', '/v1/agents', { id: 'bob', skills: ['a'] }),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([500, 500, 500, 500, 500]);
    expect((await market.admin.task(id)).status).not.toBe('cancelled');
    expect((await market.admin.agent('ann')).status).toBe('active');
    expect((await market.admin.skills()).items.map((skill) => skill.id)).not.toContain('mine');
    await expect(market.admin.agent('bob')).rejects.toMatchObject({ code: 'NOT_FOUND' });

    await sql`alter table audit drop constraint takes_nothing`.execute(market.db);
    expect((await send('POST', `/v1/tasks/${id}/cancel`)).status).toBe(202);
    expect((await send('POST', `/v1/tasks/${id}/cancel`)).status).toBe(409);
    const { items } = await market.admin.audit();
    expect(items.map((entry) => [entry.action, entry.target])).toEqual([
      ['task.cancel', id],
      ['agent.register', 'ann'],
    ]);
  });
});
