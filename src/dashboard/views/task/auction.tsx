import type { AwardReceipt, ReceiptRound, TaskStatus } from '../../../sdk/index.ts';
import { clock, duration, number, percent, words } from '../../format.ts';
import type { Resource } from '../../state/use-resource.ts';
import { partName, type StoryBid, type StoryRound, type TaskStory } from '../../task-story.ts';
import { AgentLink, Card, Tags } from '../../ui/parts.tsx';
import { Failure } from '../../ui/state.tsx';

/** The score's maximum under the market's own weights: reputation enters raw, up to 150. */
const MAX_SCORE = 120;
const DEFAULT_WEIGHTS = { reputation: 0.4, skillMatch: 0.4, load: 0.2 };

const ROUND_OUTCOMES: Record<ReceiptRound['outcome'], string> = {
  awarded: 'awarded',
  waiting: 'waits for capacity',
  announced_again: 'announced again',
  failed: 'nobody could do it',
  reassigned: 'given to the next',
};

interface AuctionProps {
  story: TaskStory;
  receipt: Resource<AwardReceipt>;
  status: TaskStatus;
}

/** Bids and passes as their events come; the receipt adds what was decided from them. */
export function Auction({ story, receipt, status }: AuctionProps) {
  const rounds = receipt.value?.rounds ?? [];
  // an award to the next bidder is filed under the round whose bids it used
  const held = rounds.filter(({ outcome }) => outcome !== 'reassigned');
  const others = rounds.filter(
    (one) => one.outcome === 'reassigned' || !story.rounds.some(({ round }) => round === one.round),
  );
  return (
    <Card title="Auction" aside={<Legend />}>
      {receipt.error !== undefined && <Failure error={receipt.error} retry={receipt.reload} />}
      {story.rounds.length === 0 && others.length === 0 && (
        <p class="muted">{status === 'accepted' ? 'Not announced yet.' : 'No round was held.'}</p>
      )}
      {story.rounds.map((round) => (
        <Round key={round.round} told={round} filed={held.find((one) => one.round === round.round)} />
      ))}
      {others.map((round, index) => (
        <WithoutBids key={index} round={round} />
      ))}
    </Card>
  );
}

function Legend() {
  return (
    <span class="legend" aria-hidden="true">
      <span class="part-reputation">reputation</span>
      <span class="part-skill">skills</span>
      <span class="part-load">free load</span>
    </span>
  );
}

function Round({ told, filed }: { told: StoryRound; filed: ReceiptRound | undefined }) {
  const weights = filed?.weights ?? DEFAULT_WEIGHTS;
  const winners = new Set([...told.winners, ...(filed?.awards.map((award) => award.agentId) ?? [])]);
  const top = Math.max(MAX_SCORE, ...told.bids.map((bid) => bid.score));
  return (
    <div class="round">
      <h3>
        Round {told.round} · {partName(told.subtaskId)}
        <span class="muted"> {clock(told.at)}</span>
        {filed !== undefined && <span class={`outcome ${filed.outcome}`}>{ROUND_OUTCOMES[filed.outcome]}</span>}
      </h3>
      {filed?.note !== undefined && <p class="hint">{filed.note}</p>}
      {told.pools.length === 0 && filed === undefined && (
        <p class="muted">
          Announced{told.requiredSkills.length > 0 && ` for ${told.requiredSkills.join(', ')}`}; waiting for bids …
        </p>
      )}
      {told.pools.length > 0 && told.bids.length === 0 && <p class="muted">Nobody bid.</p>}
      {told.bids.length > 0 && (
        <ol class="bids" aria-label={`Bids of round ${told.round}`}>
          {told.bids.map((bid) => (
            <Bid key={bid.agentId} bid={bid} weights={weights} won={winners.has(bid.agentId)} top={top} />
          ))}
        </ol>
      )}
      <Passes round={told} />
      {filed !== undefined && <Filed round={filed} />}
    </div>
  );
}

interface BidProps {
  bid: StoryBid;
  weights: ReceiptRound['weights'];
  won: boolean;
  top: number;
}

function Bid({ bid, weights, won, top }: BidProps) {
  return (
    <li class={`bid ${won ? 'won' : ''} ${bid.refused === undefined ? '' : 'refused'}`}>
      <span class="bid-head">
        <span class="rank num">{bid.refused === undefined ? number(bid.rank, 0) : '×'}</span>
        <AgentLink id={bid.agentId} />
        {won && <span class="won-mark">won</span>}
        {bid.refused !== undefined && <span class="bad-text">refused: {words(bid.refused)}</span>}
      </span>
      <ScoreBar bid={bid} top={top} />
      <span class="score num">{number(bid.score)}</span>
      <span class="sum num">
        <span>
          {number(weights.reputation)} × {number(bid.reputation)} reputation
        </span>
        <span>
          + {number(weights.skillMatch)} × {number(bid.skillMatch)} skill match
        </span>
        <span>
          + {number(weights.load)} × {number(100 - bid.loadPercent)} free
        </span>
        <Offer bid={bid} />
      </span>
    </li>
  );
}

function Offer({ bid }: { bid: StoryBid }) {
  const said = [
    ...(bid.confidence === undefined ? [] : [`${percent(bid.confidence * 100)} confident`]),
    ...(bid.estimatedMs === undefined ? [] : [`estimates ${duration(bid.estimatedMs)}`]),
    ...(bid.estimatedCostUsd === undefined ? [] : [`$${number(bid.estimatedCostUsd, 4)}`]),
  ];
  return said.length === 0 ? null : <span>· {said.join(', ')}</span>;
}

function ScoreBar({ bid, top }: { bid: StoryBid; top: number }) {
  const { reputation, skillMatch, load } = bid.parts;
  const width = (part: number) => ({ width: `${(100 * Math.max(0, part)) / top}%` });
  const label = `Score ${number(bid.score)}: reputation ${number(reputation)}, skills ${number(skillMatch)}, free load ${number(load)}`;
  return (
    <span class="score-bar" role="img" aria-label={label}>
      <span class="part-reputation" style={width(reputation)} />
      <span class="part-skill" style={width(skillMatch)} />
      <span class="part-load" style={width(load)} />
    </span>
  );
}

const REASONS: Record<string, string> = {
  NO_SKILL: 'has none of the skills',
  UNHEALTHY: 'is not healthy',
  OVERLOADED: 'has too much to do',
  OUT_OF_DOMAIN: 'serves other domains',
  DECLINED: 'declined by its own assessment',
};

function Passes({ round }: { round: StoryRound }) {
  if (round.passes.length === 0 && round.unlistedPasses === 0) return null;
  return (
    <div class="passes">
      <h4>Passed</h4>
      <ul>
        {round.passes.map((pass) => (
          <li key={`${pass.pool} ${pass.agentId}`}>
            <AgentLink id={pass.agentId} /> <span class="muted">{REASONS[pass.reason] ?? words(pass.reason)}</span>
          </li>
        ))}
        {round.unlistedPasses > 0 && <li class="muted">and {number(round.unlistedPasses, 0)} more</li>}
      </ul>
    </div>
  );
}

const STEP_WORDS = { take: 'takes', skip: 'is skipped', drop: 'is dropped again: others cover' } as const;

/** What only the receipt has: how the team was put together, the tie rule, who stayed silent. */
function Filed({ round }: { round: ReceiptRound }) {
  return (
    <details class="filed">
      <summary>Receipt</summary>
      {round.teamSteps.length > 0 && (
        <ol class="steps">
          {round.teamSteps.map((step, index) => (
            <li key={index}>
              <AgentLink id={step.agentId} /> {STEP_WORDS[step.action]} <Tags of={step.skills} />
            </li>
          ))}
        </ol>
      )}
      <ul class="plain">
        {round.awards.map((award) => (
          <li key={award.subtaskId}>
            {partName(award.subtaskId)} → <AgentLink id={award.agentId} />{' '}
            <span class="muted">
              attempt {award.attempt}, epoch {award.epoch}
            </span>
          </li>
        ))}
      </ul>
      <p class="hint">
        Policy {round.policy}. Ties: {round.tieRule}.
        {round.silentPools.length > 0 && ` No answer from ${round.silentPools.join(', ')}.`}
        {round.uncoveredSkills.length > 0 && ` Not covered: ${round.uncoveredSkills.join(', ')}.`}
      </p>
    </details>
  );
}

/** An award without bids of its own: to the next bidder of an earlier round. */
function WithoutBids({ round }: { round: ReceiptRound }) {
  return (
    <div class="round">
      <h3>
        {partName(round.subtaskId)} <span class={`outcome ${round.outcome}`}>{ROUND_OUTCOMES[round.outcome]}</span>
        <span class="muted"> {clock(round.at)}</span>
      </h3>
      {round.note !== undefined && <p class="hint">{round.note}</p>}
      <Filed round={round} />
    </div>
  );
}
