import { foldEntries, START_REPUTATION } from '../../src/reputation/core/ledger-rules.ts';
import type { QueryResultRow } from 'pg';
import type { Check } from './checks.ts';
import { FORGED_COST_USD } from './message-faults.ts';

/** All that these checks ask of. */
export interface StoreEvidence {
  site: { postgres: { ask<Row extends QueryResultRow>(statement: string): Promise<Row[]> } };
}
export type SqlCheck = Omit<Check, 'find'> & { find(evidence: StoreEvidence): Promise<string[]> };

const FINAL = `('completed', 'failed', 'cancelled', 'expired')`;

/** A check that is one query, and so sees one moment: each row is a finding. S holds at any moment. */
function query(id: string, counts: Check['counts'], says: string, statement: string): SqlCheck {
  return {
    id,
    says,
    counts,
    ...(id.startsWith('S') ? { anytime: true } : {}),
    find: async ({ site }) => (await site.postgres.ask(statement)).map((row) => JSON.stringify(row)),
  };
}

export const sqlChecks: SqlCheck[] = [
  query(
    'S3',
    'doubled',
    'a subtask has one accepted delivery at most, and a result is made of the accepted ones',
    `
    select 'accepted twice' as what, subtask_id as of from attempt where verdict = 'accepted' group by subtask_id having count(*) > 1
    union all
    select 'not in the result', a.subtask_id from attempt a join task t on t.id = a.task_id join subtask s on s.id = a.subtask_id,
      unnest(s.skills) as skill
    where t.status = 'completed' and a.verdict = 'accepted' and t.result -> 'sections' -> skill is distinct from a.value
    union all
    select 'no accepted delivery', s.id from subtask s join task t on t.id = s.task_id
    where t.status = 'completed' and s.status = 'accepted'
      and not exists (select from attempt a where a.subtask_id = s.id and a.verdict = 'accepted')
    union all
    select 'completed without a result', id::text from task where status = 'completed' and result is null
    union all
    select 'a result without completion', id::text from task where status <> 'completed' and result is not null`,
  ),
  query(
    'S4',
    'doubled',
    'every closed attempt has one ledger entry of its outcome, and no entry is without a cause',
    `
    select 'two entries' as what, subtask_id as of from ledger
    group by subtask_id, substring(effect_key from '[0-9]+$') having count(*) > 1
    union all
    select 'no entry', a.subtask_id || ':' || a.epoch from attempt a
    left join ledger l on l.effect_key = 'attempt:' || a.subtask_id || ':' || a.epoch
    where a.closed_at is not null and a.verdict <> 'provisional'
      and (l.id is null or l.outcome <> a.verdict or l.agent_id <> a.agent_id)
    union all
    select 'no cause', l.effect_key from ledger l
    left join attempt a on l.effect_key = 'attempt:' || a.subtask_id || ':' || a.epoch and a.closed_at is not null
    where a.subtask_id is null`,
  ),
  {
    id: 'S5',
    says: 'replaying the ledger with the clamp gives every reputation and every total',
    counts: 'doubled',
    find: ({ site }) => replayLedger(site),
  },
  query(
    'S6',
    'doubled',
    'events of a task are numbered 1…n, each step is legal, and one final event ends it',
    `
    with numbered as (select *, row_number() over (partition by task_id order by seq) as place from event),
    summed as (
      select task_id, count(*) as events, max(seq) as last, min(type) filter (where seq = 1) as first,
        count(*) filter (where type in ('task.completed', 'task.failed', 'task.cancelled', 'task.expired')) as ends,
        min(seq) filter (where type in ('task.completed', 'task.failed', 'task.cancelled', 'task.expired')) as ended
      from event group by task_id
    )
    select 'a gap' as what, task_id::text as of from numbered where seq <> place
    union all
    select 'ends', t.id::text from task t left join summed s on s.task_id = t.id
    where s.last is distinct from t.event_seq or s.first is distinct from 'task.accepted'
      or (t.status in ${FINAL}) <> (s.ends = 1) or s.ends > 1
    union all
    select 'after the end', e.task_id::text || ' ' || e.type from event e join summed s using (task_id)
    where e.seq > s.ended and e.type not in ('reputation.changed', 'message.sent')
    union all
    select 'accepted twice', data ->> 'subtaskId' from event e where type = 'subtask.accepted'
      and not exists (select from task t where t.id = e.task_id and jsonb_array_length(t.spec -> 'rules') > 0)
    group by data ->> 'subtaskId' having count(*) > 1
    union all
    select 'told and entered differ', task_id::text
    from (select task_id, count(*) as told from event where type = 'reputation.changed' group by task_id) e
    full join (select task_id, count(*) as entered from ledger where told group by task_id) l using (task_id)
    where told is distinct from entered`,
  ),
  query(
    'S7',
    'broken',
    'the accepted delivery is of the winning epoch, and no attempt is of a later one',
    `
    select 'a later epoch' as what, a.subtask_id as of from attempt a join subtask s on s.id = a.subtask_id where a.epoch > s.epoch
    union all
    select 'another epoch', a.subtask_id from attempt a join subtask s on s.id = a.subtask_id
    where a.verdict = 'accepted' and a.epoch <> s.epoch
    union all
    select 'one award, two rounds', subtask_id from attempt group by subtask_id, epoch having count(*) > 1
    union all
    select 'two open', subtask_id from attempt where closed_at is null group by subtask_id having count(*) > 1`,
  ),
  query(
    'S8',
    'broken',
    'no bid of a receipt is one that was signed by nobody of the market',
    `select task_id, round from round where jsonb_path_exists(receipt, '$.bids[*] ? (@.estimatedCostUsd == ${FORGED_COST_USD})')`,
  ),
  query('L1', 'stuck', 'every task is at its end', `select status, id from task where status not in ${FINAL}`),
  query(
    'L2',
    'stuck',
    'outbox and board are empty, no attempt is open, nothing is unread, unfolded or untold',
    `
    select 'outbox' as what, job_id as of from outbox
    union all select 'board', task_id::text from opening
    union all select 'open attempt', subtask_id from attempt where closed_at is null
    union all select 'unread', subtask_id from attempt where changes > seen
    union all select 'untold', effect_key from ledger where fold_seq is null or not told`,
  ),
];

interface Entry {
  agent_id: string;
  delta: number;
  before: number;
  after: number;
  outcome: string;
}

async function replayLedger(site: StoreEvidence['site']): Promise<string[]> {
  const entries = await site.postgres.ask<Entry>(
    'select agent_id, delta, before, after, outcome from ledger where fold_seq is not null order by fold_seq',
  );
  const agents = await site.postgres.ask<{ id: string; reputation: number; accepted: number; failed: number }>(
    'select id, reputation, accepted, failed from agent',
  );
  const byAgent = Map.groupBy(entries, (entry) => entry.agent_id);
  return agents.flatMap(({ id, reputation, accepted, failed }) => {
    const own = byAgent.get(id) ?? [];
    const steps = foldEntries(
      START_REPUTATION,
      own.map((entry) => entry.delta),
    );
    const wrong = own.findIndex((entry, i) => entry.before !== steps[i]?.before || entry.after !== steps[i].after);
    const counted = own.filter((entry) => entry.outcome === 'accepted').length;
    const blamed = own.filter((entry) => entry.outcome !== 'accepted' && entry.outcome !== 'market_failure').length;
    return [
      ...(wrong === -1 ? [] : [`${id}: entry ${wrong} was applied out of order`]),
      ...(reputation === (steps.at(-1)?.after ?? START_REPUTATION)
        ? []
        : [`${id} has ${reputation}, its entries give ${steps.at(-1)?.after}`]),
      ...(accepted === counted && failed === blamed
        ? []
        : [`${id}: totals ${accepted}/${failed}, entries ${counted}/${blamed}`]),
    ];
  });
}
