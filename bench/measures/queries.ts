import { median, percentile, rounded } from '../figures.ts';
import { openDatabase } from '../../src/db/database.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { rollUpTasks } from '../../src/reputation/index.ts';
import type { Stores } from '../stores.ts';
import { get, startMarket } from '../subject.ts';

interface QueryFigure {
  p50Ms: number;
  p95Ms: number;
}

export interface QueriesFigures {
  agents: number;
  entries: number;
  requestsEach: number;
  /** GET /v1/admin/reputation/leaderboard, 50 rows. */
  leaderboard: QueryFigure;
  /** The same of one skill. */
  leaderboardOfSkill: QueryFigure;
  /** GET /v1/agents/{id}/reputation, of agents in turn: the latest 200 entries. */
  history: QueryFigure;
  /** The same within 7 days that lie in the middle. */
  historyOfWeek: QueryFigure;
  /** GET /v1/admin/reputation/tiers */
  tiers: QueryFigure;
  /** GET /v1/admin/reputation/movers?window=7d */
  movers: QueryFigure;
  /** GET /v1/admin/stats of a minute, an hour and 90 days in turn. */
  stats: QueryFigure;
  /** Ended tasks behind the stats. */
  tasks: number;
}

const AGENTS = 1_000;
const SKILLS = 20;
const MS_PER_ENTRY = 2_592;
const WINDOWS = ['1m', '1h', '90d'] as const;

export async function measureQueries(stores: Stores, quick: boolean): Promise<QueriesFigures> {
  const entries = quick ? 100_000 : 1_000_000;
  const requestsEach = quick ? 50 : 300;
  const tasks = entries / 4;
  const market = await startMarket(stores, { database: 'queries', roles: ['api'], pools: [] });
  try {
    await market.db.query(seedSql(entries, tasks));
    await rollUp(market.plan.databaseUrl);
    await market.db.query('analyze');
    const origin = new URL(market.url).origin;
    const measure = async (pathOf: (index: number) => string): Promise<QueryFigure> => {
      const times: number[] = [];
      for (let index = 0; index < 10; index++) await get(origin + pathOf(index));
      for (let index = 0; index < requestsEach; index++) times.push(await get(origin + pathOf(index)));
      return { p50Ms: rounded(median(times)), p95Ms: rounded(percentile(times, 0.95)) };
    };
    const agent = (index: number) => `/v1/agents/agent-${(index * 37) % AGENTS}/reputation`;
    const from = new Date(Date.now() - 18 * 86_400_000).toISOString();
    const to = new Date(Date.now() - 11 * 86_400_000).toISOString();
    return {
      agents: AGENTS,
      entries,
      requestsEach,
      leaderboard: await measure(() => '/v1/admin/reputation/leaderboard?limit=50'),
      leaderboardOfSkill: await measure(
        (index) => `/v1/admin/reputation/leaderboard?limit=50&skill=skill-${index % SKILLS}`,
      ),
      history: await measure(agent),
      historyOfWeek: await measure((index) => `${agent(index)}?from=${from}&to=${to}`),
      tiers: await measure(() => '/v1/admin/reputation/tiers'),
      movers: await measure(() => '/v1/admin/reputation/movers?window=7d'),
      stats: await measure((index) => `/v1/admin/stats?window=${WINDOWS[index % WINDOWS.length]}`),
      tasks,
    };
  } finally {
    await market.stop();
  }
}

/** As the orchestrators' loop does. */
async function rollUp(url: string): Promise<void> {
  const logger = createLogger('warn');
  const db = openDatabase({ url, maxConnections: 1, applicationName: 'bench', logger, statements: 'free' });
  await rollUpTasks(db);
  await db.destroy();
}

/** Agents of one skill each, a month of folded entries, dealt out in turn (`before` and `after` are not the fold's), and of tasks. */
function seedSql(entries: number, tasks: number): string {
  const monthMs = MS_PER_ENTRY * 1_000_000;
  return `
    set statement_timeout = 0;
    insert into agent (id, name, skills, capacity, reputation, accepted, failed, response_ms_sum)
    select 'agent-' || n, 'Agent ' || n, array['skill-' || n % ${SKILLS}], 4, 50 + n % 101, 900, 100, 900 * 250
    from generate_series(0, ${AGENTS - 1}) n;
    insert into agent_skill (agent_id, skill, accepted, failed, quality_sum, quality_count, duration_ms_sum, duration_count)
    select 'agent-' || n, 'skill-' || n % ${SKILLS}, 900, 100, 900 * 85, 900, 900 * 250, 900 from generate_series(0, ${AGENTS - 1}) n;
    insert into ledger (effect_key, agent_id, task_id, owner_id, subtask_id, skill, outcome, quality, quality_source, delta,
      duration_ms, at, fold_seq, before, after)
    select 'seed:' || n, 'agent-' || n % ${AGENTS}, gen_random_uuid(), 'admin', 'subtask-' || n, 'skill-' || n % ${SKILLS},
      case when n % 10 = 0 then 'failed' else 'accepted' end, 85, 'check', case when n % 10 = 0 then -10 else 5 end, 250,
      clock_timestamp() - (${entries} - n) * interval '1 ms' * ${monthMs / entries}, n + 1, 100, 100
    from generate_series(0, ${entries - 1}) n;
    insert into task (id, owner_id, type, status, spec, data, result, created_at, finished_at)
    select gen_random_uuid(), 'admin', 'seed', case when n % 10 = 0 then 'failed' else 'completed' end, '{}', '{}', '{"quality": 85}',
      clock_timestamp() - (${tasks} - n) * interval '1 ms' * ${monthMs / tasks} - interval '1 second',
      clock_timestamp() - (${tasks} - n) * interval '1 ms' * ${monthMs / tasks}
    from generate_series(0, ${tasks - 1}) n`;
}
