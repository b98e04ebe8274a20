/**
 * What must hold of a market, whatever was done to it. A check gives back what it found broken, a line each; none is well.
 * S: at any time. L: some time after all faults have ended.
 */
import { isFinal } from '../../src/contracts/task.ts';
import { verifyAuditChain } from '../../src/db/audit-chain.ts';
import { openDatabase } from '../../src/db/database.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { logChecks } from './log-checks.ts';
import { sqlChecks } from './sql-checks.ts';
import type { History } from './history.ts';
import type { Site } from './site.ts';

export interface Evidence {
  site: Site;
  history: History;
}

export interface Check {
  /** As RELIABILITY numbers them. */
  id: string;
  says: string;
  /** What a finding counts as in the report's totals. */
  counts: 'lost' | 'doubled' | 'stuck' | 'broken';
  /** Holds also while faults are inflicted and work is under way. */
  anytime?: true;
  find(evidence: Evidence): Promise<string[]>;
}

export interface CheckResult {
  id: string;
  says: string;
  counts: Check['counts'];
  found: string[];
}

const historyChecks: Check[] = [
  {
    id: 'S1',
    says: 'every acknowledged key stands for one task, with the data that was submitted',
    counts: 'doubled',
    find: async ({ site, history }) => {
      const rows = await site.postgres.ask<{ id: string; token: string; key: string | null; skills: string[] }>(`
        select t.id, t.data ->> 'token' as token, i.key, array(select jsonb_array_elements_text(t.spec -> 'requiredSkills')) as skills
        from task t left join idempotency i on i.task_id = t.id`);
      const byToken = Map.groupBy(rows, (row) => row.token);
      return history.submissions.flatMap(({ token, key, taskIds, body }) => {
        const tasks = byToken.get(token) ?? [];
        if (tasks.length > 1) return [`${key} made ${tasks.length} tasks`];
        const [task] = tasks;
        const [acknowledged] = taskIds;
        if (task === undefined || acknowledged === undefined) return [];
        const same =
          task.key === key && task.id === acknowledged && String(task.skills) === String(body.requiredSkills);
        return same && taskIds.size === 1
          ? []
          : [`${key} was answered with ${acknowledged} and is stored as ${task.id}`];
      });
    },
  },
  {
    id: 'S2',
    says: 'what was acknowledged is stored',
    counts: 'lost',
    find: async ({ site, history }) => {
      const rows = await site.postgres.ask<{ id: string }>('select id from task');
      const stored = new Set(rows.map((row) => row.id));
      return history.acknowledgedOnes().flatMap(({ taskIds }) => [...taskIds].filter((id) => !stored.has(id)));
    },
  },
  {
    id: 'S9',
    says: 'no answer, log or key in Redis holds another owner’s data',
    counts: 'broken',
    find: async ({ site, history }) => {
      const shown = history.violations.filter((text) => text.includes('another'));
      const logged = site.processes.flatMap((one) =>
        one.lines.filter((line) => line.includes('canary-')).map((line) => `${one.name} logged ${line.slice(0, 200)}`),
      );
      return [...shown, ...logged, ...(await canariesInRedis(site))];
    },
  },
  {
    id: 'S10',
    says: 'the chain of the audit trail is whole',
    counts: 'broken',
    find: async ({ site }) => {
      const db = openDatabase({
        url: site.postgres.url,
        maxConnections: 1,
        applicationName: 'faults',
        logger: createLogger('silent'),
      });
      const { broken } = await verifyAuditChain(db);
      await db.destroy();
      return broken === null ? [] : [`row ${broken.seq}: ${broken.fault}`];
    },
  },
  {
    id: 'S11',
    says: 'what clients and watchers were told agrees with what is stored',
    counts: 'broken',
    find: async ({ site, history }) => [...history.violations, ...(await disagreements({ site, history }))],
  },
];

async function canariesInRedis(site: Site): Promise<string[]> {
  return site.redis.with(async (redis) => {
    const keys = await redis.keys('*');
    const values = await Promise.all(
      keys.map(async (key) => ((await redis.type(key)) === 'hash' ? JSON.stringify(await redis.hgetall(key)) : key)),
    );
    return values.filter((value) => value.includes('canary-')).map((value) => `Redis holds ${value.slice(0, 200)}`);
  });
}

async function disagreements({ site, history }: Evidence): Promise<string[]> {
  const tasks = await site.postgres.ask<{ id: string; status: string }>('select id, status from task');
  const statusOf = new Map(tasks.map((task) => [task.id, task.status]));
  const states = history.acknowledgedOnes().flatMap(({ taskIds, finals, cancelled, key }) => {
    const [taskId = ''] = taskIds;
    const status = statusOf.get(taskId);
    const told = [...finals, ...(cancelled ? ['cancelled'] : [])];
    const false_ = told.filter((one) => one !== status);
    return false_.map((one) => `${key} was told ${one}, and ${taskId} is ${status}`);
  });
  const events = await site.postgres.ask<{ task_id: string; types: string[] }>(
    'select task_id, array_agg(type order by seq) as types from event group by task_id',
  );
  const typesOf = new Map(events.map((row) => [row.task_id, row.types]));
  const feeds = [...history.watched].flatMap(([taskId, seen]) => {
    const stored = typesOf.get(taskId) ?? [];
    const differs = seen.some((event) => stored[event.seq - 1] !== event.type);
    const missing = isFinal(statusOf.get(taskId) as never) && seen.length < stored.length;
    if (!differs && !missing) return [];
    return [`a watcher of ${taskId} saw ${seen.length} of ${stored.length} events${differs ? ', and others' : ''}`];
  });
  return [...states, ...feeds];
}

const all: Check[] = [...historyChecks, ...sqlChecks, ...logChecks].sort(byId);

function byId(a: Check, b: Check): number {
  const rank = ({ id }: Check) => (id.startsWith('S') ? 0 : 100) + Number(id.slice(1));
  return rank(a) - rank(b);
}

/** Those that hold at any time, or all of them. */
export async function runChecks(evidence: Evidence, when: 'anytime' | 'healed'): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of all) {
    if (when === 'anytime' && check.anytime !== true) continue;
    const { id, says, counts } = check;
    results.push({ id, says, counts, found: await check.find(evidence) });
  }
  return results;
}
