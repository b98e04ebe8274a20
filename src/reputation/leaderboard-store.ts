import { sql } from 'kysely';
import type { Tier } from '../contracts/agent.ts';
import type { LeaderboardRow } from '../contracts/ledger.ts';
import { decodeCursor, pageOf } from '../contracts/page-cursor.ts';
import type { Page } from '../contracts/primitives.ts';
import type { Database } from '../db/database.ts';
import { START_REPUTATION } from './core/ledger-rules.ts';
import { ratio, wilsonInterval } from './core/statistics.ts';
import { tierOf, tierRange } from './core/tiers.ts';

interface LeaderboardQuery {
  limit: number;
  cursor?: string | undefined;
  skill?: string | undefined;
  tier?: Tier | undefined;
}

interface BoardRow {
  rank: number;
  id: string;
  name: string;
  reputation: number;
  accepted: number;
  failed: number;
  durationMsSum: number;
  durationCount: number;
  teamAccepted: number;
  teamFailed: number;
  reputationThen: number;
}

/** The last row of a page: where the next one begins. */
type Position = [reputation: number, agentId: string];
const POSITION_PATTERN = /^\[(0|[1-9]\d{0,2}),"[a-z0-9_-]{1,64}"\]$/;

/**
 * One page of the agents that are not retired, by reputation, then id. With a skill: of those that register it, with
 * their figures in it alone (team success rate and trend stay the agent's).
 */
export async function readLeaderboard(db: Database, query: LeaderboardQuery): Promise<Page<LeaderboardRow>> {
  const position = decodeCursor(query.cursor, POSITION_PATTERN);
  const after = position === undefined ? undefined : (JSON.parse(position) as Position);
  const rows = await selectPage(db, query, after);
  const positionOf = (row: BoardRow): Position => [row.reputation, row.id];
  return pageOf(rows, query.limit, toLeaderboardRow, (row) => JSON.stringify(positionOf(row)));
}

/**
 * The rank is over the whole filter (one pass of `agent`); the reputation of 7 days ago is looked up in ledger_by_agent
 * for the rows of the page alone. `statement_timestamp()`, not `clock_timestamp()`: an index takes no volatile bound.
 */
async function selectPage(db: Database, query: LeaderboardQuery, after: Position | undefined): Promise<BoardRow[]> {
  const { skill, tier } = query;
  const range = tier === undefined ? undefined : tierRange(tier);
  const inTier = range === undefined ? sql`true` : sql`a.reputation between ${range.min} and ${range.max}`;
  const ofSkill = skill === undefined ? sql`true` : sql`${skill} = any(a.skills)`;
  const beyond =
    after === undefined
      ? sql`true`
      : sql`(reputation < ${after[0]} or (reputation = ${after[0]} and id > ${after[1]}))`;
  const { rows } = await sql<BoardRow>`
    with board as (
      select a.*, row_number() over (order by a.reputation desc, a.id) as rank
      from agent a where a.status <> 'retired' and ${inTier} and ${ofSkill}
    ), page as (
      select * from board where ${beyond} order by reputation desc, id limit ${query.limit + 1}
    )
    select p.rank, p.id, p.name, p.reputation, ${figures(skill)},
           p.team_accepted as "teamAccepted", p.team_failed as "teamFailed",
           coalesce(past.after, ${START_REPUTATION}) as "reputationThen"
    from page p
    ${skill === undefined ? sql`` : sql`left join agent_skill s on s.agent_id = p.id and s.skill = ${skill}`}
    left join lateral (
      select l.after from ledger l
      where l.agent_id = p.id and l.at < statement_timestamp() - interval '7 days' and l.fold_seq is not null
      order by l.at desc, l.id desc limit 1
    ) past on true
    order by p.rank`.execute(db);
  return rows;
}

function figures(skill: string | undefined) {
  return skill === undefined
    ? sql`p.accepted, p.failed, p.response_ms_sum as "durationMsSum", p.accepted as "durationCount"`
    : sql`coalesce(s.accepted, 0) as accepted, coalesce(s.failed, 0) as failed,
          coalesce(s.duration_ms_sum, 0) as "durationMsSum", coalesce(s.duration_count, 0) as "durationCount"`;
}

function toLeaderboardRow(row: BoardRow): LeaderboardRow {
  return {
    rank: row.rank,
    agentId: row.id,
    name: row.name,
    reputation: row.reputation,
    tier: tierOf(row.reputation),
    successes: row.accepted,
    failures: row.failed,
    successRate: ratio(row.accepted, row.accepted + row.failed, 4),
    successRateInterval: wilsonInterval(row.accepted, row.failed),
    trend: row.reputation - row.reputationThen,
    avgResponseMs: ratio(row.durationMsSum, row.durationCount, 0),
    teamSuccessRate: ratio(row.teamAccepted, row.teamAccepted + row.teamFailed, 4),
  };
}
