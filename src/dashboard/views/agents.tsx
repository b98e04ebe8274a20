import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { AgentView as Agent, LeaderboardRow, SwarmbidClient, Tier } from '../../sdk/index.ts';
import { duration, NONE, number, percent, share, signed } from '../format.ts';
import { filterBy, route } from '../state/router.ts';
import { client, isAdmin } from '../state/session.ts';
import { subscribe } from '../state/market.ts';
import { throttled } from '../state/throttle.ts';
import { useResource } from '../state/use-resource.ts';
import { AgentLink, Dot, Meter, PageHead, TierMark } from '../ui/parts.tsx';
import { Sparkline } from '../ui/sparkline.tsx';
import { Empty, Shown } from '../ui/state.tsx';

const TIERS: Record<Tier, true> = {
  Elite: true,
  Expert: true,
  Competent: true,
  Developing: true,
  'Needs Improvement': true,
};
const TIER_NAMES = Object.keys(TIERS) as Tier[];
const PAGE = 50;
const REFRESH_MS = 1_500;
const WEEK_MS = 7 * 24 * 3_600_000;

interface Standing {
  row: LeaderboardRow;
  agent: Agent | undefined;
}

interface Board {
  standings: Standing[];
  more: boolean;
}

export function AgentsView() {
  const { query } = route.value;
  const tier = TIER_NAMES.find((one) => one === query.get('tier'));
  const skill = query.get('skill') ?? '';
  const [pages, setPages] = useState(1);
  const admin = isAdmin.value;
  const filter = { ...(tier === undefined ? {} : { tier }), ...(skill === '' ? {} : { skill }) };
  const board = useResource(
    (api, signal) => (admin ? readBoard(api, filter, pages, signal) : readAgents(api, filter, pages, signal)),
    [admin, tier, skill, pages],
  );
  useFollowing(board.reload);
  return (
    <>
      <PageHead title="Agents" sub={admin ? 'Who has earned the next task, best first.' : 'Who serves this market.'} />
      <Filters tier={tier} skill={skill} />
      <Shown of={board} what="agents">
        {({ standings, more }) =>
          standings.length === 0 ? (
            <NoAgents filtered={tier !== undefined || skill !== ''} />
          ) : (
            <>
              <Table standings={standings} admin={admin} />
              {more && (
                <button type="button" class="button" onClick={() => setPages(pages + 1)}>
                  Show more
                </button>
              )}
            </>
          )
        }
      </Shown>
    </>
  );
}

/** Reputations and loads change with what happens to tasks. */
function useFollowing(reload: () => Promise<void>) {
  useEffect(() => {
    const refresh = throttled(reload, REFRESH_MS);
    const unsubscribe = subscribe({ event: refresh.ask, caughtUp: refresh.ask });
    return () => {
      unsubscribe();
      refresh.cancel();
    };
  }, [reload]);
}

interface Filter {
  tier?: Tier;
  skill?: string;
}

async function readBoard(api: SwarmbidClient, filter: Filter, pages: number, signal: AbortSignal): Promise<Board> {
  const rows: LeaderboardRow[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < pages; page += 1) {
    const read = await api.leaderboard({ ...filter, limit: PAGE, cursor, signal });
    rows.push(...read.items);
    cursor = read.nextCursor ?? undefined;
    if (cursor === undefined) break;
  }
  const agents = await cardsOf(api, new Set(rows.map((row) => row.agentId)), signal);
  return { standings: rows.map((row) => ({ row, agent: agents.get(row.agentId) })), more: cursor !== undefined };
}

/** The cards of the agents named, from as many pages of the list as it takes. */
async function cardsOf(
  api: SwarmbidClient,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, Agent>> {
  const found = new Map<string, Agent>();
  let cursor: string | undefined;
  do {
    const page = await api.agents({ limit: 200, cursor, signal });
    for (const agent of page.items) if (wanted.has(agent.id)) found.set(agent.id, agent);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && found.size < wanted.size);
  return found;
}

/** The leaderboard is the admins': others see the cards, and what these say. */
async function readAgents(api: SwarmbidClient, filter: Filter, pages: number, signal: AbortSignal): Promise<Board> {
  const { items, nextCursor } = await api.agents({ limit: Math.min(200, PAGE * pages), signal });
  const fits = (agent: Agent) =>
    (filter.tier === undefined || agent.tier === filter.tier) &&
    (filter.skill === undefined || agent.skills.includes(filter.skill));
  const sorted = items.filter(fits).sort((a, b) => b.reputation - a.reputation);
  const standings = sorted.map((agent, index) => ({ agent, row: rowOf(agent, index + 1) }));
  return { standings, more: nextCursor !== null && PAGE * pages < 200 };
}

function rowOf({ id, name, reputation, tier }: Agent, rank: number): LeaderboardRow {
  const unknown = { successRate: null, successRateInterval: null, avgResponseMs: null, teamSuccessRate: null };
  return { rank, agentId: id, name, reputation, tier, successes: 0, failures: 0, trend: 0, ...unknown };
}

function NoAgents({ filtered }: { filtered: boolean }) {
  if (!filtered) return <Empty title="No agent serves this market yet" />;
  return (
    <Empty title="No agent is like this">
      <button type="button" class="button" onClick={() => filterBy({ tier: '', skill: '' })}>
        Show all agents
      </button>
    </Empty>
  );
}

function Filters({ tier, skill }: { tier: Tier | undefined; skill: string }) {
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>Tier</span>
        <select value={tier ?? ''} onChange={(event) => filterBy({ tier: event.currentTarget.value })}>
          <option value="">any</option>
          {TIER_NAMES.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>Skill</span>
        <input
          type="search"
          value={skill}
          placeholder="any"
          spellcheck={false}
          onChange={(event) => filterBy({ skill: event.currentTarget.value.trim().toLowerCase() })}
        />
      </label>
    </form>
  );
}

function Table({ standings, admin }: { standings: Standing[]; admin: boolean }) {
  return (
    <div class="table-card" tabIndex={0} role="region" aria-label="Agents by reputation">
      <table>
        <thead>
          <tr>
            <th scope="col" class="right">
              #
            </th>
            <th scope="col">Agent</th>
            <th scope="col">Tier</th>
            <th scope="col" class="right">
              Reputation
            </th>
            <th scope="col">7 days</th>
            {admin && <th scope="col">Success</th>}
            {admin && (
              <th scope="col" class="right wide">
                In teams
              </th>
            )}
            {admin && (
              <th scope="col" class="right wide">
                Responds in
              </th>
            )}
            <th scope="col" class="wide">
              Load
            </th>
          </tr>
        </thead>
        <tbody>
          {standings.map((standing) => (
            <Row key={standing.row.agentId} {...standing} admin={admin} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ row, agent, admin }: Standing & { admin: boolean }) {
  return (
    <tr>
      <td class="right num muted">{row.rank}</td>
      <th scope="row">
        <AgentLink id={row.agentId} />
        <AgentState agent={agent} />
      </th>
      <td>
        <TierMark of={row.tier} />
      </td>
      <td class="right num">
        <strong>{number(row.reputation)}</strong>
      </td>
      <td>
        <Trend row={row} admin={admin} />
      </td>
      {admin && (
        <td class="num">
          <Success row={row} />
        </td>
      )}
      {admin && <td class="right num wide">{share(row.teamSuccessRate)}</td>}
      {admin && <td class="right num wide">{duration(row.avgResponseMs)}</td>}
      <td class="wide">{agent === undefined ? NONE : <Load agent={agent} />}</td>
    </tr>
  );
}

export function Load({ agent }: { agent: Agent }) {
  const label = `${percent(agent.loadPercent)} of its capacity`;
  return (
    <span class="load">
      <Meter percent={agent.loadPercent} label={label} {...(agent.loadPercent >= 80 ? { tone: 'warn' } : {})} />
      <span class="num muted">{percent(agent.loadPercent)}</span>
    </span>
  );
}

/** Said only where it is not as it should be. */
function AgentState({ agent }: { agent: Agent | undefined }) {
  if (agent === undefined) return null;
  if (agent.status !== 'active') return <Dot tone="warn">{agent.status}</Dot>;
  return agent.healthy ? null : <Dot tone="bad">not healthy</Dot>;
}

function Success({ row }: { row: LeaderboardRow }) {
  const { successRate, successRateInterval: interval, successes, failures } = row;
  if (successRate === null) return <span class="muted">no attempt yet</span>;
  return (
    <span class="stack">
      <span>
        {share(successRate)} <span class="muted">of {number(successes + failures, 0)}</span>
      </span>
      {interval !== null && (
        <span
          class="interval"
          role="img"
          aria-label={`95 % interval from ${share(interval.low)} to ${share(interval.high)}`}
          title={`95 % interval: ${share(interval.low)} to ${share(interval.high)}`}
        >
          <span style={{ left: `${interval.low * 100}%`, right: `${100 - interval.high * 100}%` }} />
          <span class="point" style={{ left: `${successRate * 100}%` }} />
        </span>
      )}
    </span>
  );
}

/** The line is read when the row comes into sight, and anew when the reputation changes. */
function Trend({ row, admin }: { row: LeaderboardRow; admin: boolean }) {
  const element = useRef<HTMLSpanElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
    });
    if (element.current !== null) observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  const used = client.value;
  const from = useMemo(() => new Date(Date.now() - WEEK_MS).toISOString(), [row.reputation]);
  const [values, setValues] = useState<readonly number[]>([]);
  useEffect(() => {
    if (!seen) return undefined;
    const abort = new AbortController();
    used.reputation(row.agentId, { from, signal: abort.signal }).then(
      ({ entries }) => setValues(lineOf(entries)),
      () => undefined,
    );
    return () => abort.abort();
  }, [seen, used, row.agentId, from]);
  return (
    <span class="trend" ref={element}>
      <Sparkline
        values={values.length === 0 ? [row.reputation] : values}
        label={`Reputation of ${row.agentId} over 7 days`}
      />
      {admin && <span class={`num ${row.trend < 0 ? 'bad-text' : 'muted'}`}>{signed(row.trend)}</span>}
    </span>
  );
}

/** From where it stood before the oldest entry; entries come newest first, and some are not folded yet. */
function lineOf(entries: readonly { before: number | null; after: number | null }[]): number[] {
  const known = entries.filter((entry) => entry.after !== null).toReversed();
  const first = known[0]?.before;
  return [...(first === null || first === undefined ? [] : [first]), ...known.flatMap(({ after }) => after ?? [])];
}
