import { sql } from 'kysely';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Workbench } from '../../src/agents/workbench.ts';
import type { AgentDefinition } from '../../src/contracts/agent-definition.ts';
import type { Database } from '../../src/db/database.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const TASK = '0190f000-0000-7000-8000-000000000003';
const SUBTASK = { subtaskId: `${TASK}-0`, epoch: 1 };

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = database.db;
  await sql`insert into task (id, owner_id, type, status, spec, data) values (${TASK}, 'owner', 't', 'running', '{}', '{}')`.execute(
    db,
  );
  await sql`insert into subtask (id, task_id, ord, skills, status, epoch)
    values (${SUBTASK.subtaskId}, ${TASK}, 0, '{a}', 'awarded', 1)`.execute(db);
  await sql`insert into attempt (subtask_id, epoch, task_id, agent_id, pool, attempt, timeout_ms, due_at)
    values (${SUBTASK.subtaskId}, 1, ${TASK}, 'agent', 'pool', 1, 60000, clock_timestamp())`.execute(db);
});

afterAll(() => database.drop());

test('a job that comes twice to one process is carried out once there, and leaves no load behind', async () => {
  let executions = 0;
  const bothCame = Promise.withResolvers<undefined>();
  const agent: AgentDefinition = {
    id: 'agent',
    skills: ['a'],
    capacity: 1,
    execute: async () => {
      executions += 1;
      await bothCame.promise;
      return {};
    },
  };
  const workbench = new Workbench({
    name: 'pool',
    agents: [agent],
    db,
    replicaId: 'replica',
    leaseMs: 60_000,
    logger: createLogger('silent'),
    messenger: {} as never,
    market: { forAttempt: () => ({}) } as never,
    onReport: () => undefined,
  });
  const first = workbench.run(SUBTASK);
  // Its claim is on its way by then, in a batch of its own.
  await Promise.resolve().then(() => undefined);
  const second = workbench.run(SUBTASK);
  bothCame.resolve(undefined);
  await Promise.all([first, second]);
  expect(executions).toBe(1);
  expect(workbench.loadPercent('agent')).toBe(0);
  await workbench.flush();
});
