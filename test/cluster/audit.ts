import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

const POLL_MS = 200;
const PATIENCE_MS = 60_000;

/** What must be empty when all is done; each query returns what breaks its sentence. */
const CHECKS = {
  'a task has not ended': `select id from task where status not in ('completed', 'failed', 'cancelled', 'expired')`,
  'a number of an event is missing or doubled':
    'select task_id from event group by task_id having count(*) <> max(seq) or min(seq) <> 1',
  'a task knows of another number of events than it has': `
    select id from task t where event_seq <> (select count(*) from event e where e.task_id = t.id)`,
  'load is still reserved': 'select subtask_id from attempt where closed_at is null',
  'an attempt has not exactly one ledger entry': `
    select a.subtask_id from attempt a where (select count(*) from ledger l
      where l.effect_key = 'attempt:' || a.subtask_id || ':' || a.epoch) <> 1`,
  'an entry is of no attempt': `
    select l.effect_key from ledger l where not exists (select 1 from attempt a
      where l.effect_key = 'attempt:' || a.subtask_id || ':' || a.epoch)`,
  'a subtask has two accepted deliveries': `
    select subtask_id from attempt where verdict = 'accepted' group by subtask_id having count(*) > 1`,
  'an entry is not folded': 'select effect_key from ledger where fold_seq is null',
  'a change of reputation is not told once': `
    select l.effect_key from ledger l where (select count(*) from event e where e.task_id = l.task_id
      and e.type = 'reputation.changed' and e.data ->> 'foldSeq' = l.fold_seq::text) <> 1`,
  'a job is still in the outbox': 'select job_id from outbox',
};

/** Empty if the store holds `tasks` tasks and everything about them is as it must be, at the latest after a minute. */
export async function findFaults(databaseUrl: string, tasks: number): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      const faults = await look(client, tasks);
      if (faults.length === 0 || waitedMs >= PATIENCE_MS) return faults;
      await delay(POLL_MS);
    }
  } finally {
    await client.end();
  }
}

async function look(client: pg.Client, tasks: number): Promise<string[]> {
  const faults: string[] = [];
  const { rows } = await client.query<{ count: number }>('select count(*)::int as count from task');
  if (rows[0]?.count !== tasks) faults.push(`${rows[0]?.count ?? 0} tasks are stored, ${tasks} were accepted`);
  for (const [sentence, query] of Object.entries(CHECKS)) {
    const found = await client.query(query);
    if (found.rows.length > 0)
      faults.push(`${sentence}: ${found.rows.length}, such as ${JSON.stringify(found.rows[0])}`);
  }
  return faults;
}
