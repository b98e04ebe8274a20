import type { AwardPolicy, PolicyBid } from '../../contracts/award-policy.ts';
import type { ReceiptRound, Refusal, ScoredBid } from '../../contracts/award.ts';
import type { BidOffer, Pass, PassReason, PoolReply } from '../../contracts/bid.ts';
import type { Complexity } from '../../contracts/task.ts';
import { decompose, type Part } from './decomposition.ts';
import { loadPercent, refusalOf, type KnownAgent } from './eligibility.ts';
import {
  chooseSingle,
  couldCover,
  coversAll,
  formTeam,
  TEAM_SIZE,
  type Candidate,
  type Formation,
} from './team-formation.ts';

/** One opening whose round has closed, with all that the choice depends on. */
export interface RoundInput {
  taskId: string;
  subtaskId: string | undefined;
  round: number;
  at: Date;
  requiredSkills: readonly string[];
  domain: string | undefined;
  complexity: Complexity;
  maxTeamSize: number | undefined;
  allowPartial: boolean;
  /** Merged by pool: see `mergeReplies`. */
  replies: readonly MergedReply[];
  silentPools: readonly string[];
  /** Every bidder that the market knows. */
  agents: ReadonlyMap<string, KnownAgent>;
  /** All active agents of the domain, busy and unhealthy ones too: what waiting could bring. */
  activeAgents: readonly Candidate[];
  alreadyTried: ReadonlySet<string>;
  policy: AwardPolicy;
}

export interface MergedReply {
  pool: string;
  bids: readonly BidOffer[];
  passes: readonly Pass[];
  passCounts: Partial<Record<PassReason, number>>;
}

/**
 * What a closed round leads to. `wait`: some active agent has each open skill, so freed capacity will wake the opening.
 * `again`: no active agent has `uncoveredSkills`; announce with back-off. `too_small`: no team of the allowed size covers.
 */
export type RoundOutcome =
  | { kind: 'award'; parts: Part[]; members: { agentId: string; skills: string[]; score: number }[] }
  | { kind: 'wait' }
  | { kind: 'again'; uncoveredSkills: string[] }
  | { kind: 'too_small'; uncoveredSkills: string[] };

export type RoundReceipt = Omit<ReceiptRound, 'outcome' | 'awards'>;

/** Judges one round. Pure: the same input gives the same outcome and the same receipt. */
export function judgeRound(input: RoundInput): { outcome: RoundOutcome; receipt: RoundReceipt } {
  const scored = scoreBids(input);
  const standing: Candidate[] = scored.filter((bid) => bid.refused === undefined);
  // A subtask is one agent's: a task that has been awarded is not divided anew.
  const formation =
    input.subtaskId === undefined
      ? formTeam({ ...input, ranked: standing })
      : chooseSingle(input.requiredSkills, standing);
  const receipt: RoundReceipt = {
    round: input.round,
    ...(input.subtaskId === undefined ? {} : { subtaskId: input.subtaskId }),
    at: input.at.toISOString(),
    policy: input.policy.name,
    weights: input.policy.weights,
    tieRule: input.policy.tieRule,
    requiredSkills: [...input.requiredSkills],
    complexity: input.complexity,
    ...(formation.note === undefined ? {} : { note: formation.note }),
    bids: scored,
    passes: input.replies.flatMap((reply) => reply.passes),
    passCounts: sumCounts(input.replies),
    silentPools: [...input.silentPools],
    teamSteps: formation.steps,
    uncoveredSkills: formation.uncoveredSkills,
  };
  const covered = formation.uncoveredSkills.length === 0 && formation.members.length > 0;
  if (covered) return { outcome: award(input, formation, scored), receipt };
  const outcome = input.subtaskId === undefined ? uncoveredTask(input, formation, scored) : uncoveredSubtask(input);
  return { outcome, receipt };
}

/** A subtask waits for one agent that has all of its skills; without an active one nobody is capable of it. */
function uncoveredSubtask({ activeAgents, requiredSkills }: RoundInput): RoundOutcome {
  if (activeAgents.some((agent) => coversAll(agent, requiredSkills))) return { kind: 'wait' };
  return { kind: 'again', uncoveredSkills: [...requiredSkills] };
}

function uncoveredTask(input: RoundInput, formation: Formation, scored: readonly ScoredBid[]): RoundOutcome {
  const { requiredSkills, activeAgents } = input;
  const absent = requiredSkills.filter((skill) => !activeAgents.some((agent) => agent.skills.includes(skill)));
  const nobodyAtAll = requiredSkills.length === 0 && activeAgents.length === 0;
  if (absent.length === 0 && !nobodyAtAll) {
    if (waitingCouldHelp(input, scored)) return { kind: 'wait' };
    if (input.allowPartial && formation.members.length > 0) return award(input, formation, scored);
    return { kind: 'too_small', uncoveredSkills: formation.uncoveredSkills };
  }
  const onlyAbsentLeft = formation.uncoveredSkills.every((skill) => absent.includes(skill));
  if (input.allowPartial && formation.members.length > 0 && onlyAbsentLeft) return award(input, formation, scored);
  return { kind: 'again', uncoveredSkills: absent };
}

/** Standing bids come first: where all active agents have bid, ties fall as they fell in the team that was not enough. */
function waitingCouldHelp(input: RoundInput, scored: readonly ScoredBid[]): boolean {
  const { requiredSkills, activeAgents, complexity } = input;
  const standing = scored.filter((bid) => bid.refused === undefined);
  const bidders = new Set(standing.map((bid) => bid.agentId));
  const others = activeAgents.filter((agent) => !bidders.has(agent.agentId));
  const size = input.maxTeamSize ?? TEAM_SIZE[complexity === 'simple' ? 'moderate' : complexity];
  return requiredSkills.length === 0 || couldCover([...standing, ...others], requiredSkills, size);
}

function award(input: RoundInput, formation: Formation, scored: readonly ScoredBid[]): RoundOutcome {
  const parts = decompose(input.requiredSkills, formation);
  const scoreOf = new Map(scored.map((bid) => [bid.agentId, bid.score]));
  const members = formation.members
    .map((member) => ({
      agentId: member.agentId,
      skills: parts.filter((part) => part.agentId === member.agentId).flatMap((part) => part.skills),
      score: scoreOf.get(member.agentId) ?? 0,
    }))
    .filter((member) => parts.some((part) => part.agentId === member.agentId));
  return { kind: 'award', parts, members };
}

type Known = PolicyBid & { offer: BidOffer; pool: string; refused: Refusal | undefined };

/** Standing bids in rank order, then refused ones; each with its parts, so that anyone can add them up. */
function scoreBids(input: RoundInput): ScoredBid[] {
  const known = input.replies.flatMap((reply) => reply.bids.map((offer) => knownBid(input, reply.pool, offer)));
  const rank = (bids: Known[]) => input.policy.rank(bids, { id: input.taskId, requiredSkills: input.requiredSkills });
  const ranked = [
    ...rank(known.filter((bid) => bid.refused === undefined)),
    ...rank(known.filter((bid) => bid.refused !== undefined)),
  ];
  return ranked.map(({ bid, skillMatch, parts, score }, index) => ({
    agentId: bid.agentId,
    pool: bid.pool,
    skills: bid.skills,
    reputation: bid.reputation,
    skillMatch,
    loadPercent: bid.loadPercent,
    ...optionalTerms(bid.offer),
    parts,
    score,
    rank: index + 1,
    ...(bid.refused === undefined ? {} : { refused: bid.refused }),
  }));
}

function knownBid(input: RoundInput, pool: string, offer: BidOffer): Known {
  const agent = input.agents.get(offer.agentId);
  const opening = { requiredSkills: input.requiredSkills, domain: input.domain };
  const refused =
    agent !== undefined && agent.pool !== pool ? 'UNKNOWN_AGENT' : refusalOf(agent, opening, input.alreadyTried);
  return {
    agentId: offer.agentId,
    skills: agent?.skills ?? [],
    reputation: agent?.reputation ?? 0,
    loadPercent: agent === undefined ? 100 : loadPercent(agent.reservedSlots, agent.slots),
    ...optionalTerms(offer),
    offer,
    pool,
    refused,
  };
}

function optionalTerms(offer: BidOffer): Pick<BidOffer, 'confidence' | 'estimatedMs' | 'estimatedCostUsd'> {
  return {
    ...(offer.confidence === undefined ? {} : { confidence: offer.confidence }),
    ...(offer.estimatedMs === undefined ? {} : { estimatedMs: offer.estimatedMs }),
    ...(offer.estimatedCostUsd === undefined ? {} : { estimatedCostUsd: offer.estimatedCostUsd }),
  };
}

/** One reply per pool from those of its processes: a bid from any of them stands before another's pass. */
export function mergeReplies(pool: string, replies: readonly PoolReply[]): MergedReply {
  const [only] = replies;
  if (only !== undefined && replies.length === 1) {
    return { pool, bids: uniqueBids(only.bids), passes: only.passes, passCounts: only.passCounts };
  }
  const bids = uniqueBids(replies.flatMap((reply) => reply.bids));
  const bidders = new Set(bids.map((bid) => bid.agentId));
  const fewestPasses = replies.reduce<PoolReply | undefined>(
    (best, reply) => (best === undefined || total(reply) < total(best) ? reply : best),
    undefined,
  );
  return {
    pool,
    bids,
    passes: (fewestPasses?.passes ?? []).filter((pass) => !bidders.has(pass.agentId)),
    passCounts: fewestPasses?.passCounts ?? {},
  };
}

function total(reply: PoolReply): number {
  return Object.values(reply.passCounts).reduce((sum, count) => sum + count, 0);
}

function uniqueBids(bids: readonly BidOffer[]): BidOffer[] {
  return [...new Map(bids.map((bid) => [bid.agentId, bid])).values()];
}

function sumCounts(replies: readonly MergedReply[]): Partial<Record<PassReason, number>> {
  const sums: Partial<Record<PassReason, number>> = {};
  for (const { passCounts } of replies) {
    for (const [reason, count] of Object.entries(passCounts) as [PassReason, number][]) {
      sums[reason] = (sums[reason] ?? 0) + count;
    }
  }
  return sums;
}
