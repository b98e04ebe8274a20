import { sql } from 'kysely';
import type { Principal } from '../contracts/access.ts';
import { TIERS } from '../contracts/agent.ts';
import { MarketError } from '../contracts/errors.ts';
import type { AgentReputation, MoversReport, TiersReport } from '../contracts/ledger.ts';
import type { ReputationQueries } from '../contracts/services.ts';
import type { Database } from '../db/database.ts';
import type { OwnedDatabase } from '../db/owned-database.ts';
import { START_REPUTATION } from './core/ledger-rules.ts';
import { ratio, rounded } from './core/statistics.ts';
import { tierOf, tierRange } from './core/tiers.ts';
import { readLeaderboard } from './leaderboard-store.ts';
import { readMarketSeries } from './market-series-store.ts';
import { readMarketStats } from './market-stats-store.ts';

const ENTRIES_SHOWN = 200;
const MOVERS_SHOWN = 10;

/**
 * What the ledger and its projection say. Retired agents are left out of every comparison; their own history stays.
 * @param options.leaseMs how old a replica's heartbeat may be for its slots to count as capacity
 */
export function createReputationQueries(options: {
  /** Sees the rows of all owners. */
  db: Database;
  owned: OwnedDatabase;
  leaseMs: number;
}): ReputationQueries {
  const { db, owned, leaseMs } = options;
  return {
    ofAgent: (principal, agentId, range) => readAgent(db, owned, principal, agentId, range),
    leaderboard: (query) => readLeaderboard(db, query),
    tiers: () => readTiers(db),
    movers: (windowMs) => readMovers(db, windowMs),
    stats: (windowMs) => readMarketStats(db, windowMs, leaseMs),
    series: (windowMs, buckets) => readMarketSeries(db, windowMs, buckets),
  };
}

type Range = Parameters<ReputationQueries['ofAgent']>[2];

async function readAgent(
  db: Database,
  owned: OwnedDatabase,
  principal: Principal,
  agentId: string,
  range: Range,
): Promise<AgentReputation> {
  const agent = await db.selectFrom('agent').select('reputation').where('id', '=', agentId).executeTakeFirst();
  if (agent === undefined) throw new MarketError('NOT_FOUND', `There is no agent ${agentId}.`);
  const [entries, bySkill] = await Promise.all([
    readEntries(db, owned, principal, agentId, range),
    readSkills(db, agentId),
  ]);
  return { agentId, reputation: agent.reputation, tier: tierOf(agent.reputation), entries, bySkill };
}

/** What an agent earned is for everyone, of whose task only for the owner. Served by ledger_by_agent. */
async function readEntries(db: Database, owned: OwnedDatabase, principal: Principal, agentId: string, range: Range) {
  const rows = await db
    .selectFrom('ledger')
    .select(['id', 'fold_seq', 'at', 'outcome', 'quality', 'quality_source'])
    .select(['delta', 'before', 'after', 'reason'])
    .where('agent_id', '=', agentId)
    .$if(range.from !== undefined, (query) => query.where('at', '>=', range.from ?? new Date(0)))
    .$if(range.to !== undefined, (query) => query.where('at', '<=', range.to ?? new Date(0)))
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(ENTRIES_SHOWN)
    .execute();
  const names = await readNames(
    owned,
    principal,
    rows.map((row) => row.id),
  );
  return rows.map((row) => {
    const { outcome, quality, delta, before, after, reason } = row;
    const verdict = { outcome, quality, qualitySource: row.quality_source };
    return {
      foldSeq: row.fold_seq,
      at: row.at.toISOString(),
      ...(names.get(row.id) ?? NAMELESS),
      ...verdict,
      delta,
      before,
      after,
      reason,
    };
  });
}

const NAMELESS = { taskId: null, subtaskId: null };

/** Task and subtask of those entries that are of the principal's own tasks. */
async function readNames(owned: OwnedDatabase, principal: Principal, ids: readonly number[]) {
  if (ids.length === 0) return new Map<number, never>();
  const rows = await owned.read(principal, (db) =>
    db
      .selectFrom('ledger')
      .select(['id', 'task_id as taskId', 'subtask_id as subtaskId'])
      .where('id', 'in', ids)
      .$if(principal.role !== 'admin', (query) => query.where('owner_id', '=', principal.ownerId))
      .execute(),
  );
  return new Map(rows.map(({ id, ...names }) => [id, names]));
}

async function readSkills(db: Database, agentId: string): Promise<AgentReputation['bySkill']> {
  const rows = await db
    .selectFrom('agent_skill')
    .selectAll()
    .where('agent_id', '=', agentId)
    .orderBy('skill')
    .execute();
  return Object.fromEntries(
    rows.map((row) => [
      row.skill,
      {
        accepted: row.accepted,
        failed: row.failed,
        successRate: ratio(row.accepted, row.accepted + row.failed, 4),
        avgQuality: ratio(row.quality_sum, row.quality_count, 2),
        avgDurationMs: ratio(row.duration_ms_sum, row.duration_count, 0),
      },
    ]),
  );
}

interface ReputationGroup {
  reputation: number;
  agents: number;
}

interface ConcentrationRow {
  awards: number;
  topAwards: number;
  squares: number;
}

async function readTiers(db: Database): Promise<TiersReport> {
  const [groups, concentration] = await Promise.all([selectReputations(db), selectConcentration(db)]);
  const agents = groups.reduce((sum, group) => sum + group.agents, 0);
  const mean = groups.reduce((sum, group) => sum + group.agents * group.reputation, 0) / agents;
  const variance = groups.reduce((sum, group) => sum + group.agents * (group.reputation - mean) ** 2, 0) / agents;
  const inTier = (tier: (typeof TIERS)[number]) => {
    const { min, max } = tierRange(tier);
    const own = groups.filter((group) => group.reputation >= min && group.reputation <= max);
    return own.reduce((sum, group) => sum + group.agents, 0);
  };
  const { awards, topAwards, squares } = concentration;
  return {
    tiers: Object.fromEntries(TIERS.map((tier) => [tier, inTier(tier)])) as TiersReport['tiers'],
    agents,
    mean: agents === 0 ? null : rounded(mean, 2),
    standardDeviation: agents === 0 ? null : rounded(Math.sqrt(variance), 2),
    concentration: { awards, top10PercentShare: ratio(topAwards, awards, 4), hhi: ratio(squares, awards * awards, 6) },
  };
}

/** At most 151 groups, however many agents there are; by agent_by_reputation. */
async function selectReputations(db: Database): Promise<ReputationGroup[]> {
  return db
    .selectFrom('agent')
    .select((eb) => ['reputation', eb.fn.countAll<number>().as('agents')])
    .where('status', '<>', 'retired')
    .groupBy('reputation')
    .execute();
}

/** Awards are counted as those that somebody answered for. The top 10 % are rounded up: of 4 agents, one. */
async function selectConcentration(db: Database): Promise<ConcentrationRow> {
  const { rows } = await sql<ConcentrationRow>`
    select coalesce(sum(awards), 0) as awards,
           coalesce(sum(awards) filter (where place <= ceil(agents * 0.1)), 0) as "topAwards",
           coalesce(sum(awards::float8 * awards), 0) as squares
    from (
      select accepted + failed as awards, row_number() over (order by accepted + failed desc) as place,
             count(*) over () as agents
      from agent where status <> 'retired'
    ) ranked`.execute(db);
  return rows[0] ?? { awards: 0, topAwards: 0, squares: 0 };
}

interface MoverRow {
  from: Date;
  id: string | null;
  name: string;
  before: number;
  after: number;
}

async function readMovers(db: Database, windowMs: number): Promise<MoversReport> {
  const rows = await selectMovers(db, windowMs);
  const movers = rows.flatMap(({ id, name, before, after }) =>
    id === null ? [] : [{ agentId: id, name, before, after, change: after - before, tier: tierOf(after) }],
  );
  return {
    windowMs,
    from: (rows[0]?.from ?? new Date()).toISOString(),
    rises: movers.filter((mover) => mover.change > 0),
    falls: movers.filter((mover) => mover.change < 0),
  };
}

/**
 * Rises and falls, the largest first. Reputation at the window's start is `after` of the agent's
 * last folded entry before it (one step in ledger_by_agent for each agent), or where everybody starts.
 */
async function selectMovers(db: Database, windowMs: number): Promise<MoverRow[]> {
  const { rows } = await sql<MoverRow>`
    with span as (
      select statement_timestamp() - ${windowMs} * interval '1 millisecond' as "from"
    ), moved as (
      select a.id, a.name, coalesce(past.after, ${START_REPUTATION}) as before, a.reputation as after
      from agent a
      left join lateral (
        select l.after from ledger l
        where l.agent_id = a.id and l.at < (select "from" from span) and l.fold_seq is not null
        order by l.at desc, l.id desc limit 1
      ) past on true
      where a.status <> 'retired'
    ), placed as (
      select *, after - before as change,
             row_number() over (order by after - before desc, id) as rise,
             row_number() over (order by after - before, id) as fall
      from moved where after <> before
    )
    select span."from", p.id, p.name, p.before, p.after
    from span left join placed p
      on (p.change > 0 and p.rise <= ${MOVERS_SHOWN}) or (p.change < 0 and p.fall <= ${MOVERS_SHOWN})
    order by abs(p.change) desc, p.id`.execute(db);
  return rows;
}
