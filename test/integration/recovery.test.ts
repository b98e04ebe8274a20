import { sql } from 'kysely';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Database } from '../../src/db/database.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { Recovery } from '../../src/orchestrator/recovery-store.ts';
import { TaskStore } from '../../src/orchestrator/task-store.ts';
import { createLedgerStore } from '../../src/reputation/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const TASK = '0190f000-0000-7000-8000-000000000002';
const TERM_MS = 60_000;

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = database.db;
});

afterAll(() => database.drop());

test('a synthesis that does not end is begun again under a job id that no dead job blocks', async () => {
  await sql`
    insert into task (id, owner_id, type, status, spec, data, epoch)
    values (${TASK}, 'owner', 't', 'synthesizing', '{"rules":[]}', '{}', 1)`.execute(db);
  const options = { db, ledger: createLedgerStore(), metrics: createMetrics(), onCommit: () => undefined };
  const tasks = new TaskStore({ ...options, dispatchMs: TERM_MS, synthesisMs: TERM_MS });
  const recovery = new Recovery({ tasks, leaseMs: TERM_MS, dispatchMs: TERM_MS, onJobs: () => undefined });
  for (let time = 0; time < 2; time++) {
    await sql`update task set synthesis_due_at = clock_timestamp() where id = ${TASK}`.execute(db);
    await recovery.run();
    await recovery.run(); // not due yet
  }
  const { rows } = await sql<{ jobId: string; data: unknown }>`
    select job_id as "jobId", data from outbox order by id`.execute(db);
  expect(new Set([`syn_${TASK}_1`, ...rows.map((row) => row.jobId)]).size).toBe(3);
  expect(rows.map((row) => row.data)).toEqual(
    Array.from({ length: 2 }, () => ({ kind: 'synthesis', taskId: TASK, epoch: 1 })),
  );
});
