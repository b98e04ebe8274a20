import type { BidOffer, Pass } from '../../src/contracts/bid.ts';
import type { TaskResult, TaskSpec } from '../../src/contracts/task.ts';
import { beginTask } from '../../src/orchestrator/core/begin-task.ts';
import type { Command, LossReason, Successor, Verdict } from '../../src/orchestrator/core/commands.ts';
import type { Part } from '../../src/orchestrator/core/decomposition.ts';
import type { KnownAgent } from '../../src/orchestrator/core/eligibility.ts';
import { judgeRound, type MergedReply, type RoundInput, type RoundReceipt } from '../../src/orchestrator/core/round.ts';
import type { RefusalReason } from '../../src/orchestrator/core/decision.ts';
import { decide } from '../../src/orchestrator/core/task-machine.ts';
import {
  WHOLE_TASK,
  type DraftEvent,
  type Effect,
  type SubtaskRecord,
  type TaskRecord,
} from '../../src/orchestrator/core/task-record.ts';
import type { Candidate } from '../../src/orchestrator/core/team-formation.ts';
import { createAwardPolicies } from '../../src/reputation/index.ts';

export const TASK_ID = '019ffd00-0000-7000-8000-000000000001';
export const START = new Date('2026-11-21T10:00:00.000Z');
const POOL = 'pool';

export function taskSpec(changes: Partial<TaskSpec> = {}): TaskSpec {
  return {
    type: 'campaign',
    requiredSkills: ['a', 'b'],
    complexity: 'moderate',
    priority: 'normal',
    allowPartial: false,
    maxAttempts: 3,
    biddingTimeMs: 30_000,
    timeoutMs: 60_000,
    policy: 'weighted',
    rules: [],
    blamableSkills: [],
    ...changes,
  };
}

/** A task as it is right after its submission. */
export function acceptedTask(spec: TaskSpec): TaskRecord {
  return beginTask({ id: TASK_ID, ownerId: 'owner', spec }, START).task;
}

export function taskResult(): TaskResult {
  const times = { durationMs: 20, sequentialMs: 30, speedup: 1.5 };
  return { taskId: TASK_ID, success: true, contributors: [], sections: {}, warnings: [], quality: null, ...times };
}

export function roundReceipt(round: number, changes: Partial<RoundReceipt> = {}): RoundReceipt {
  return {
    round,
    at: START.toISOString(),
    policy: 'weighted',
    weights: { reputation: 0.4, skillMatch: 0.4, load: 0.2 },
    tieRule: '',
    requiredSkills: [],
    complexity: 'moderate',
    bids: [],
    passes: [],
    passCounts: {},
    silentPools: [],
    teamSteps: [],
    uncoveredSkills: [],
    ...changes,
  };
}

export const accepted = (quality: number | null = null): Verdict => ({
  kind: 'accepted',
  quality,
  qualitySource: quality === null ? null : 'check',
});
export const failed: Verdict = { kind: 'failed', code: 'AGENT_FAILED', message: 'it threw' };
export const rejected: Verdict = { kind: 'rejected', code: 'SCHEMA_MISMATCH', message: 'value is missing' };
export const timedOut: Verdict = { kind: 'timed_out', code: 'TIMED_OUT', message: 'too slow' };
export const noUsage = { inputTokens: 0, outputTokens: 0, costUsd: 0 };

type CloseRound = Extract<Command, { kind: 'close_round' }>;
type Deliver = Extract<Command, { kind: 'deliver' }>;
type FinishSynthesis = Extract<Command, { kind: 'finish_synthesis' }>;
type EffectOf<Kind extends Effect['kind']> = Extract<Effect, { kind: Kind }>;

/** One task and what is done with it; it keeps every event and effect that the machine has decided. */
export class TaskStory {
  task: TaskRecord;
  readonly events: DraftEvent[] = [];
  readonly effects: Effect[] = [];
  nowMs = START.getTime();

  constructor(spec: Partial<TaskSpec> = {}) {
    this.task = acceptedTask(taskSpec(spec));
  }

  /** Announced, and awarded to these agents: one subtask for each skill. */
  static awarded(givenTo: Record<string, string>, spec: Partial<TaskSpec> = {}): TaskStory {
    const story = new TaskStory({ requiredSkills: Object.keys(givenTo), ...spec });
    story.must({ kind: 'announce', ord: WHOLE_TASK });
    story.award(Object.entries(givenTo).map(([skill, agentId]) => ({ skills: [skill], agentId })));
    return story;
  }

  do(command: Command): RefusalReason | undefined {
    const decision = decide(this.task, command, new Date(this.nowMs));
    if (!decision.ok) return decision.refusal;
    this.task = decision.task;
    this.events.push(...decision.events);
    this.effects.push(...decision.effects);
    return undefined;
  }

  must(command: Command): this {
    const refusal = this.do(command);
    if (refusal !== undefined) throw new Error(`${command.kind} was refused: ${refusal}`);
    return this;
  }

  subtask(ord: number): SubtaskRecord {
    const subtask = this.task.subtasks[ord];
    if (subtask === undefined) throw new Error(`there is no subtask ${ord}`);
    return subtask;
  }

  /** Awards the whole task, or the pending subtask `ord`, in its announced round. */
  award(parts: Part[], ord = WHOLE_TASK): this {
    const members = [...new Set(parts.map((part) => part.agentId))].map((agentId) => ({
      agentId,
      skills: parts.filter((part) => part.agentId === agentId).flatMap((part) => part.skills),
      score: 80,
    }));
    return this.closeRound({ kind: 'award', parts, members }, ord);
  }

  closeRound(outcome: CloseRound['outcome'], ord = WHOLE_TASK, changes: Partial<CloseRound> = {}): this {
    return this.must(this.closing(outcome, ord, changes));
  }

  closing(outcome: CloseRound['outcome'], ord = WHOLE_TASK, changes: Partial<CloseRound> = {}): CloseRound {
    const round = ord === WHOLE_TASK ? this.task.round : this.subtask(ord).round;
    const agents = outcome.kind === 'award' ? outcome.parts.map((part) => part.agentId) : [];
    const pools = new Map(agents.map((agentId) => [agentId, POOL]));
    const receipt = roundReceipt(round);
    return {
      kind: 'close_round',
      ord,
      round,
      outcome,
      receipt,
      replies: [],
      pools,
      tries: 1,
      incapableMs: 0,
      ...changes,
    };
  }

  start(ord: number): this {
    const { id: subtaskId, epoch } = this.subtask(ord);
    return this.must({ kind: 'start', subtaskId, epoch, at: new Date(this.nowMs) });
  }

  deliver(ord: number, verdict: Verdict = accepted(), changes: Partial<Deliver> = {}): this {
    return this.must(this.delivery(ord, verdict, changes));
  }

  delivery(ord: number, verdict: Verdict = accepted(), changes: Partial<Deliver> = {}): Deliver {
    const { id: subtaskId, epoch } = this.subtask(ord);
    const startedAt = new Date(this.nowMs);
    const endedAt = new Date(this.nowMs + 40);
    return {
      kind: 'deliver',
      subtaskId,
      epoch,
      startedAt,
      endedAt,
      verdict,
      usage: noUsage,
      sole: null,
      successors: [],
      ...changes,
    };
  }

  loseLease(ord: number, successors: string[] = [], reason: LossReason = 'LEASE_LOST'): this {
    const { id: subtaskId, epoch } = this.subtask(ord);
    const next = successorsNamed(...successors);
    return this.must({ kind: 'lose_lease', subtaskId, epoch, reason, successors: next });
  }

  synthesized(changes: Partial<FinishSynthesis> = {}): this {
    const synthesis = { result: taskResult(), warnings: [], rejections: [], successors: new Map<string, never[]>() };
    return this.must({ kind: 'finish_synthesis', epoch: this.task.epoch, ...synthesis, ...changes });
  }

  /** Rules of these names are broken, each blamed on one skill; `successors` by subtask. */
  taken(blame: Record<string, string[]>, successors: Record<string, string[]> = {}): this {
    return this.synthesized({
      rejections: Object.entries(blame).map(([rule, skills]) => ({
        rule,
        message: `${rule} does not hold`,
        blame: skills,
      })),
      successors: new Map(Object.entries(successors).map(([id, agents]) => [id, successorsNamed(...agents)])),
    });
  }

  effectsOf<Kind extends Effect['kind']>(kind: Kind): EffectOf<Kind>[] {
    return this.effects.filter((effect): effect is EffectOf<Kind> => effect.kind === kind);
  }

  /** `[agent, outcome, reason]` of every ledger entry, in order. */
  entries(): [string, string, string | null][] {
    return this.effectsOf('ledger').map(({ entry }) => [entry.agentId, entry.outcome, entry.reason]);
  }

  eventsOf(type: DraftEvent['type']): Record<string, unknown>[] {
    return this.events.filter((event) => event.type === type).map((event) => event.data);
  }
}

/** Bidders of round 1, in rank order. */
export function successorsNamed(...agentIds: string[]): Successor[] {
  return agentIds.map((agentId, index) => ({
    agentId,
    pool: POOL,
    bid: {
      agentId,
      pool: POOL,
      skills: [],
      reputation: 100,
      skillMatch: 50,
      loadPercent: 0,
      parts: { reputation: 40, skillMatch: 20, load: 20 },
      score: 80 - index,
      rank: index + 1,
    },
    basis: {
      round: 1,
      policy: 'weighted',
      weights: { reputation: 0.4, skillMatch: 0.4, load: 0.2 },
      tieRule: 'none',
      requiredSkills: [],
      complexity: 'simple',
    },
  }));
}

/** Candidates from `{ann: 'a b'}`, in the order written: rank order. */
export function candidates(skillsOf: Record<string, string>): Candidate[] {
  return Object.entries(skillsOf).map(([agentId, skills]) => ({ agentId, skills: skills.split(' ') }));
}

export function knownAgent(id: string, skills: string[], changes: Partial<KnownAgent> = {}): KnownAgent {
  return {
    id,
    pool: POOL,
    skills,
    domains: [],
    status: 'active',
    reputation: 100,
    reservedSlots: 0,
    slots: 4,
    ...changes,
  };
}

export function reply(bids: BidOffer[], passes: Pass[] = [], pool = POOL): MergedReply {
  return { pool, bids, passes, passCounts: {} };
}

export const offer = (agentId: string, changes: Partial<BidOffer> = {}): BidOffer => ({
  agentId,
  loadPercent: 0,
  ...changes,
});

/** A round in which these agents bid and the market knows them and no others; `changes` may say otherwise. */
export function roundOf(agents: KnownAgent[], changes: Partial<RoundInput> = {}): ReturnType<typeof judgeRound> {
  return judgeRound({
    taskId: TASK_ID,
    subtaskId: undefined,
    round: 1,
    at: START,
    requiredSkills: ['a', 'b'],
    domain: undefined,
    complexity: 'moderate',
    maxTeamSize: undefined,
    allowPartial: false,
    replies: [reply(agents.map((agent) => offer(agent.id)))],
    silentPools: [],
    agents: new Map(agents.map((agent) => [agent.id, agent])),
    activeAgents: agents.map((agent) => ({ agentId: agent.id, skills: agent.skills })),
    alreadyTried: new Set(),
    policy: createAwardPolicies().get('weighted')!,
    ...changes,
  });
}
