import { useEffect, useMemo } from 'preact/hooks';
import type { AgentReputation, AgentStatus, AgentView as Agent, SwarmbidClient } from '../../sdk/index.ts';
import { bidsOf, type BidOutcome } from '../agent-bids.ts';
import { ago, day, duration, NONE, number, percent, plural, share, shortId, signed, words } from '../format.ts';
import { taskPath } from '../state/router.ts';
import { client, isAdmin } from '../state/session.ts';
import { subscribe } from '../state/market.ts';
import { throttled } from '../state/throttle.ts';
import { useResource, type Resource } from '../state/use-resource.ts';
import { ActionError, ConfirmButton, useAction } from '../ui/action.tsx';
import { Chart } from '../ui/chart.tsx';
import { Card, Dot, Facts, PageHead, Status, Tags, TierMark } from '../ui/parts.tsx';
import { Shown } from '../ui/state.tsx';
import { useNow } from '../ui/use-now.ts';
import { Load } from './agents.tsx';

const REFRESH_MS = 1_000;
const TASKS_SHOWN = 10;
/** How many of the newest tasks are searched for the agent's bids: receipts are read one by one. */
const RECEIPTS_READ = 30;
const MAX_REPUTATION = 150;

export function AgentView({ id }: { id: string }) {
  const agent = useResource((api, signal) => api.agent(id, { signal }), [id]);
  const reputation = useResource((api, signal) => api.reputation(id, { signal }), [id]);
  const tasks = useResource((api, signal) => api.tasks({ agentId: id, limit: TASKS_SHOWN, signal }), [id]);
  const bids = useResource((api, signal) => readBids(api, id, signal), [id]);
  useEffect(() => {
    const all = [agent, reputation, tasks, bids];
    const refresh = throttled(() => Promise.all(all.map((one) => one.reload())), REFRESH_MS);
    const unsubscribe = subscribe({
      event: ({ type, data }) => {
        const concerns = data['agentId'] === id || type === 'task.awarded';
        if (concerns && type !== 'subtask.progress') refresh.ask();
      },
      caughtUp: refresh.ask,
    });
    return () => {
      unsubscribe();
      refresh.cancel();
    };
  }, [id, agent.reload]);
  return (
    <>
      <PageHead title={agent.value?.name ?? id} sub={<code class="id">{id}</code>}>
        {agent.value !== undefined && isAdmin.value && <Controls agent={agent.value} onChanged={agent.put} />}
      </PageHead>
      <Shown of={agent} what="the agent">
        {(value) => (
          <div class="task-page">
            <div class="column">
              <History of={reputation} />
              <Bids of={bids} />
              <Work of={tasks} />
            </div>
            <div class="column">
              <About agent={value} />
              <Skills of={reputation} />
              <Replicas agent={value} />
            </div>
          </div>
        )}
      </Shown>
    </>
  );
}

async function readBids(api: SwarmbidClient, agentId: string, signal: AbortSignal): Promise<BidOutcome[]> {
  const { items } = await api.tasks({ limit: RECEIPTS_READ, signal });
  const receipts = await Promise.all(items.map(({ id }) => api.award(id, { signal })));
  return bidsOf(receipts, agentId);
}

function Controls({ agent, onChanged }: { agent: Agent; onChanged: (agent: Agent) => void }) {
  const action = useAction();
  const change = (status: AgentStatus) =>
    void action.run(async () => onChanged(await client.value.changeAgent(agent.id, { status })));
  return (
    <>
      <ActionError error={action.error} />
      {agent.status !== 'active' && (
        <button type="button" class="button primary" disabled={action.busy} onClick={() => change('active')}>
          Resume
        </button>
      )}
      {agent.status === 'active' && (
        <ConfirmButton
          label="Drain"
          question="Let it finish, and give it no more work?"
          busy={action.busy}
          onConfirm={() => change('draining')}
        />
      )}
      {agent.status !== 'suspended' && (
        <ConfirmButton
          label="Suspend"
          question="Refuse all its bids?"
          tone="bad"
          busy={action.busy}
          onConfirm={() => change('suspended')}
        />
      )}
    </>
  );
}

const STATUS_TONES = { active: 'good', draining: 'warn', suspended: 'bad' } as const;

function About({ agent }: { agent: Agent }) {
  return (
    <Card title="About" aside={<Dot tone={STATUS_TONES[agent.status]}>{agent.status}</Dot>}>
      <Facts
        of={[
          ['Reputation', <strong key="reputation">{number(agent.reputation)}</strong>],
          ['Tier', <TierMark key="tier" of={agent.tier} />],
          ['Load', <Load key="load" agent={agent} />],
          ['Slots', `${agent.reservedSlots} in use, ${agent.capacity} a replica`],
          [
            'Healthy',
            agent.healthy ? (
              'yes'
            ) : (
              <Dot key="health" tone="bad">
                no
              </Dot>
            ),
          ],
          ['Skills', <Tags key="skills" of={agent.skills} />],
          ['Domains', <Tags key="domains" of={agent.domains} none="all" />],
          ['Pool', agent.pool ?? NONE],
          ['Since', day(agent.registeredAt)],
        ]}
      />
    </Card>
  );
}

function History({ of }: { of: Resource<AgentReputation> }) {
  return (
    <Card title="Reputation">
      <Shown of={of} what="its reputation">
        {({ entries, reputation }) =>
          entries.length === 0 ? (
            <p class="muted">No attempt yet: it has the {number(reputation)} that everybody starts with.</p>
          ) : (
            <>
              <ReputationChart entries={entries} />
              <Changes entries={entries} />
            </>
          )
        }
      </Shown>
    </Card>
  );
}

type Entries = AgentReputation['entries'];

function ReputationChart({ entries }: { entries: Entries }) {
  const { times, series } = useMemo(() => {
    const folded = entries.filter((entry) => entry.after !== null).toReversed();
    const [first] = folded;
    if (first === undefined) return { times: [], series: [] };
    const at = folded.map((entry) => Date.parse(entry.at) / 1_000);
    const start = Date.parse(first.at) / 1_000 - 1;
    const values = [first.before, ...folded.map((entry) => entry.after)];
    return {
      times: [start, ...at],
      series: [{ name: 'Reputation', values, color: '--accent', kind: 'steps' as const }],
    };
  }, [entries]);
  if (times.length === 0) return null;
  const last = entries.find((entry) => entry.after !== null);
  const label = `Reputation over time: ${plural(entries.length, 'change')}, now ${number(last?.after)} of ${MAX_REPUTATION}`;
  return <Chart label={label} times={times} series={series} range={[0, MAX_REPUTATION + 5]} height={190} />;
}

function Changes({ entries }: { entries: Entries }) {
  return (
    <div class="scroll-table" tabIndex={0} role="region" aria-label="Every change of its reputation">
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Task</th>
            <th scope="col">Why</th>
            <th scope="col" class="right">
              Change
            </th>
            <th scope="col" class="right">
              Then
            </th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry, index) => (
            <tr key={entry.foldSeq ?? `new ${index}`}>
              <td class="muted num">{day(entry.at)}</td>
              <td>
                {entry.taskId === null ? (
                  <span class="muted">another’s</span>
                ) : (
                  <a class="num" href={taskPath(entry.taskId)}>
                    {shortId(entry.taskId)}
                  </a>
                )}
              </td>
              <td>{reasonOf(entry)}</td>
              <td class={`right num ${entry.delta < 0 ? 'bad-text' : 'good-text'}`}>{signed(entry.delta)}</td>
              <td class="right num">{number(entry.after)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const OUTCOMES: Record<Entries[number]['outcome'], string> = {
  accepted: 'accepted',
  failed: 'failed',
  rejected: 'rejected',
  timed_out: 'took too long',
  market_failure: 'the market’s own failure, which costs nothing',
};

/** The rule that made the change, with what it was applied to. */
function reasonOf(entry: Entries[number]): string {
  const quality = entry.quality === null ? '' : `, quality ${number(entry.quality, 1)} (${entry.qualitySource ?? '?'})`;
  const bonus = entry.delta === 7 ? ': +5, and +2 for a quality over 90' : '';
  const clamped =
    entry.before !== null && entry.after !== null && entry.after - entry.before !== entry.delta
      ? ` (held at ${number(entry.after)})`
      : '';
  const reason = entry.reason === null ? '' : `: ${words(entry.reason)}`;
  return `${OUTCOMES[entry.outcome]}${quality}${bonus}${reason}${clamped}`;
}

function Skills({ of }: { of: Resource<AgentReputation> }) {
  return (
    <Card title="By skill">
      <Shown of={of} what="its skills">
        {({ bySkill }) =>
          Object.keys(bySkill).length === 0 ? (
            <p class="muted">No attempt yet.</p>
          ) : (
            <table class="plain-table">
              <thead>
                <tr>
                  <th scope="col">Skill</th>
                  <th scope="col" class="right">
                    Success
                  </th>
                  <th scope="col" class="right">
                    Quality
                  </th>
                  <th scope="col" class="right">
                    Takes
                  </th>
                </tr>
              </thead>
              <tbody>
                {Object.entries(bySkill).map(([skill, figures]) => (
                  <tr key={skill}>
                    <th scope="row">{skill}</th>
                    <td class="right num">
                      {share(figures.successRate)} <span class="muted">of {figures.accepted + figures.failed}</span>
                    </td>
                    <td class="right num">{number(figures.avgQuality, 1)}</td>
                    <td class="right num">{duration(figures.avgDurationMs)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Shown>
    </Card>
  );
}

const BID_TONES = { won: 'good', lost: 'plain', refused: 'bad', open: 'plain' } as const;

function Bids({ of }: { of: Resource<BidOutcome[]> }) {
  return (
    <Card
      title="Bids won and lost"
      aside={
        <span class="muted">
          in the newest {RECEIPTS_READ} tasks{isAdmin.value ? '' : ' of yours'}
        </span>
      }
    >
      <Shown of={of} what="its bids">
        {(bids) =>
          bids.length === 0 ? (
            <p class="muted">It has not bid for any of them.</p>
          ) : (
            <div class="scroll-table" tabIndex={0} role="region" aria-label="Its bids">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Task</th>
                    <th scope="col">Bid</th>
                    <th scope="col" class="right">
                      Score
                    </th>
                    <th scope="col" class="right">
                      Rank
                    </th>
                    <th scope="col">Why</th>
                  </tr>
                </thead>
                <tbody>
                  {bids.map((bid) => (
                    <tr key={`${bid.taskId} ${bid.round}`}>
                      <td>
                        <a class="num" href={taskPath(bid.taskId)}>
                          {shortId(bid.taskId)}
                        </a>
                      </td>
                      <td>
                        <Dot tone={BID_TONES[bid.outcome]}>{bid.outcome}</Dot>
                      </td>
                      <td class="right num">{number(bid.score)}</td>
                      <td class="right num">{bid.rank}</td>
                      <td>{bid.why}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Shown>
    </Card>
  );
}

function Work({ of }: { of: Resource<Awaited<ReturnType<SwarmbidClient['tasks']>>> }) {
  const now = useNow(5_000);
  return (
    <Card title="Recent tasks">
      <Shown of={of} what="its tasks">
        {({ items }) =>
          items.length === 0 ? (
            <p class="muted">None yet.</p>
          ) : (
            <ul class="rows">
              {items.map((task) => (
                <li key={task.id}>
                  <a href={taskPath(task.id)}>{task.type}</a>
                  <Status of={task.status} />
                  <span class="muted num">{ago(task.createdAt, now)}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Shown>
    </Card>
  );
}

function Replicas({ agent }: { agent: Agent }) {
  const now = useNow(2_000);
  return (
    <Card title="Replicas" aside={<span class="muted num">{agent.replicas.length}</span>}>
      {agent.replicas.length === 0 && <p class="muted">No process serves it now, so it cannot bid.</p>}
      <ul class="rows">
        {agent.replicas.map((replica) => (
          <li key={replica.id}>
            <Dot tone={replica.healthy ? 'good' : 'bad'}>
              {replica.healthy ? 'healthy' : (replica.reason ?? 'not healthy')}
            </Dot>
            <span class="muted num">
              loop {duration(replica.eventLoopDelayMs)}, memory {percent(replica.memoryPercent)}, heard{' '}
              {ago(replica.heartbeatAt, now)}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
