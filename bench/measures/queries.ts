import { median, percentile, rounded } from '../figures.ts';
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
}

const AGENTS = 1_000;
const SKILLS = 20;
const MS_PER_ENTRY = 2_592;

export async function measureQueries(stores: Stores, quick: boolean): Promise<QueriesFigures> {
  const entries = quick ? 100_000 : 1_000_000;
  const requestsEach = quick ? 50 : 300;
  const market = await startMarket(stores, { database: 'queries', roles: ['api'], pools: [] });
  try {
    await market.db.query(seedSql(entries));
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
    };
  } finally {
    await market.stop();
  }
}

/** Agents of one skill each, and a month of folded entries, dealt out in turn; `before` and `after` are not the fold's. */
function seedSql(entries: number): string {
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
      clock_timestamp() - (${entries} - n) * interval '1 ms' * ${(MS_PER_ENTRY * 1_000_000) / entries}, n + 1, 100, 100
    from generate_series(0, ${entries - 1}) n`;
}
