/**
 * One task in a market that misbehaves. It keeps what the store would keep (attempts, board, ledger, receipts) and the
 * messages that are under way; any of them may come twice, late, in another order, or never. Every decision is carried out
 * as the store would: what its keys would refuse is thrown here.
 */
import { isFinal, type TaskSpec } from '../../src/contracts/task.ts';
import type { Outcome } from '../../src/contracts/ledger.ts';
import type { ScoredBid } from '../../src/contracts/award.ts';
import type { Command, Successor } from '../../src/orchestrator/core/commands.ts';
import type { Decision } from '../../src/orchestrator/core/decision.ts';
import { beginTask } from '../../src/orchestrator/core/begin-task.ts';
import { refusalOf, type KnownAgent } from '../../src/orchestrator/core/eligibility.ts';
import { judgeRound } from '../../src/orchestrator/core/round.ts';
import { decide } from '../../src/orchestrator/core/task-machine.ts';
import {
  WHOLE_TASK,
  type AttemptVerdict,
  type Effect,
  type SubtaskRecord,
  type TaskRecord,
} from '../../src/orchestrator/core/task-record.ts';
import { createAwardPolicies } from '../../src/reputation/index.ts';
import {
  accepted,
  acceptedTask,
  failed,
  knownAgent,
  noUsage,
  offer,
  rejected,
  reply,
  START,
  taskResult,
  timedOut,
  successorsNamed,
} from './task-fixtures.ts';
import { deepFreeze } from './deep-freeze.ts';

export interface StoredAttempt {
  subtaskId: string;
  epoch: number;
  agentId: string;
  /** Of its subtask's work, when it was opened. */
  iteration: number;
  verdict: AttemptVerdict | null;
}

interface Opening {
  tries: number;
  dueMs: number;
  incapableSinceMs: number | null;
}

/** A pass of the auction that waits for bids. */
interface Pass {
  ord: number;
  round: number;
  tries: number;
}

export interface Step {
  before: TaskRecord;
  command: Command;
  decision: Decision;
}

const VERDICTS = [accepted(95), accepted(), accepted(), accepted(), failed, rejected, timedOut];

/** What a history is full of: nothing in particular, hosts that are killed, or agents that fail. */
export type Temper = 'mixed' | 'crashes' | 'failures';
const policy = createAwardPolicies().get('weighted')!;

export class MarketWorld {
  task: TaskRecord;
  nowMs = START.getTime();
  readonly agents: KnownAgent[];
  readonly attempts = new Map<string, StoredAttempt>();
  readonly openings: Map<number, Opening>;
  readonly ledger = new Map<string, { agentId: string; outcome: Outcome }>();
  readonly bidsOfRound = new Map<number, ScoredBid[]>();
  readonly syntheses: number[] = [];
  readonly inFlight: Command[] = [];
  readonly passes: Pass[] = [];
  /** Iterations that a person granted. */
  granted = 0;
  /** Syntheses that took a delivery back. */
  takenBack = 0;
  private readonly onStep: (step: Step, world: MarketWorld) => void;

  constructor(spec: TaskSpec, agentSkills: string[][], onStep: (step: Step, world: MarketWorld) => void) {
    this.task = deepFreeze(acceptedTask(spec));
    const { openings } = beginTask(this.task, START);
    this.openings = new Map(openings.map(({ ord }) => [ord, { tries: 0, dueMs: 0, incapableSinceMs: null }]));
    this.agents = agentSkills.map((skills, i) => knownAgent(`agent-${i}`, skills, { slots: 1_000 }));
    this.onStep = onStep;
  }

  /** Carries out a command, as the store would: the decision and its effects, or nothing. */
  do(command: Command): Decision {
    const before = this.task;
    const decision = decide(before, command, new Date(this.nowMs));
    if (decision.ok) {
      this.task = deepFreeze(decision.task);
      for (const effect of decision.effects) this.carryOut(effect);
      if (command.kind === 'finish_synthesis' && decision.task.status !== 'completed') this.takenBack += 1;
    }
    this.onStep({ before, command, decision }, this);
    return decision;
  }

  /** Takes an opening that is due, and announces it. */
  announce(pick: number): void {
    const due = [...this.openings].filter(([, opening]) => opening.dueMs <= this.nowMs);
    const chosen = due[pick % Math.max(1, due.length)];
    if (chosen === undefined) return;
    const [ord, opening] = chosen;
    opening.tries += 1;
    opening.dueMs = this.nowMs + 5_000;
    const decision = this.do({ kind: 'announce', ord });
    if (decision.ok) this.passes.push({ ord, round: decision.task.round, tries: opening.tries });
  }

  /** The bids of a pass are in: its round is closed, once. */
  closePass(pick: number): void {
    const [pass] = this.passes.splice(pick % Math.max(1, this.passes.length), 1);
    if (pass === undefined) return;
    const command = this.closingOf(pass);
    if (command !== null) this.do(command);
  }

  /** The process that held a pass is killed. */
  losePass(pick: number): void {
    this.passes.splice(pick % Math.max(1, this.passes.length), 1);
  }

  /** Something is said about an open attempt or any that ever was: by its agent, by a zombie, or by the recovery loop. */
  sayOfAttempt(pick: number, flag: number, temper: Temper): void {
    const all = [...this.attempts.values()];
    const open = all.filter((one) => one.verdict === null);
    const from = flag % 4 === 0 || open.length === 0 ? all : open;
    const attempt = from[pick % Math.max(1, from.length)];
    if (attempt === undefined) return;
    const { subtaskId, epoch } = attempt;
    const at = new Date(this.nowMs);
    const verdict = temper === 'failures' ? failed : VERDICTS[pick % VERDICTS.length]!;
    const lost: Command = { kind: 'lose_lease', subtaskId, epoch, reason: 'LEASE_LOST', successors: [] };
    const delivered = this.delivery(attempt, verdict, pick % 3 > 0);
    const says: Command[] = [
      { kind: 'start', subtaskId, epoch, at },
      { kind: 'progress', subtaskId, epoch, percent: pick % 101, note: null },
      ...(temper === 'crashes' ? [lost, lost] : [delivered, delivered]),
      lost,
    ];
    this.inFlight.push(says[flag % says.length]!);
  }

  /** A synthesis that was begun, now or long ago, ends; some skills are blamed. */
  endSynthesis(pick: number, blame: string[]): void {
    const epoch = pick % 4 === 0 ? this.syntheses[0] : this.syntheses.at(-1);
    if (epoch === undefined) return;
    const rejections = blame.length === 0 ? [] : [{ rule: 'rule', message: 'does not hold', blame }];
    const successors = new Map(this.task.subtasks.map((one) => [one.id, this.successors(one.id, one.agentId)]));
    this.inFlight.push({ kind: 'finish_synthesis', epoch, result: taskResult(), warnings: [], rejections, successors });
  }

  /** One of the messages under way arrives; it may come again later. */
  arrive(pick: number, again: boolean): void {
    const index = pick % Math.max(1, this.inFlight.length);
    const command = this.inFlight[index];
    if (command === undefined) return;
    if (!again) this.inFlight.splice(index, 1);
    this.do(this.asTheStoreIsNow(command));
  }

  /** The conditions of a held step are settled, perhaps not for the first time. */
  settleConditions(pick: number, flag: number): void {
    const held = this.task.subtasks.filter((one) => one.hold === 'condition');
    const step = held[pick % Math.max(1, held.length)];
    if (step === undefined) return;
    const answers = [
      { kind: 'hold' },
      { kind: 'hold' },
      { kind: 'do_not_hold' },
      { kind: 'fault', message: 'odd' },
    ] as const;
    const { id: subtaskId, iteration } = step;
    this.inFlight.push({ kind: 'settle_conditions', subtaskId, iteration, answer: answers[flag % answers.length]! });
  }

  /** A person answers one of the escalations that ever were. */
  decideOne(pick: number, flag: number): void {
    const asked = this.task.escalations[pick % Math.max(1, this.task.escalations.length)];
    if (asked === undefined) return;
    const answers = [{ decision: 'approve' }, { decision: 'reject' }, { decision: 'choose', choice: 'again' }] as const;
    const decision = this.do({ kind: 'decide', subtaskId: asked.subtaskId, ...answers[flag % answers.length]! });
    if (decision.ok && flag % answers.length === 2) this.granted += 1;
  }

  loseMessage(pick: number): void {
    this.inFlight.splice(pick % Math.max(1, this.inFlight.length), 1);
  }

  /** For a while nothing goes wrong: whoever works delivers. */
  finishOpenAttempts(sendsBack = false): void {
    for (const attempt of [...this.attempts.values()]) {
      if (attempt.verdict === null) this.do(this.delivery(attempt, accepted(), sendsBack));
    }
  }

  /** Every fault is over: work is done, leases hold, and what is open is announced until it is awarded or given up. */
  heal(): void {
    this.inFlight.length = 0;
    this.passes.length = 0;
    for (const agent of this.agents) agent.slots = 1_000;
    for (let round = 0; round < 80 && !isFinal(this.task.status); round += 1) {
      this.nowMs += 6_000;
      this.goodRound();
      for (const [i, one] of this.task.escalations.entries()) if (one.decision === undefined) this.decideOne(i, 0);
      if (this.task.status !== 'synthesizing') continue;
      this.endSynthesis(1, []);
      this.arriveLast();
    }
  }

  /** What is due is announced and awarded, conditions hold, and whoever works delivers. */
  goodRound(sendsBack = false): void {
    for (const ord of [...this.openings.keys()]) if (this.openings.has(ord)) this.announce(0);
    while (this.passes.length > 0) this.closePass(0);
    while (this.task.subtasks.some((one) => one.hold === 'condition')) {
      this.settleConditions(0, 0);
      this.arriveLast();
    }
    this.finishOpenAttempts(sendsBack);
  }

  private arriveLast(): void {
    this.arrive(this.inFlight.length - 1, false);
  }

  private delivery(
    about: { subtaskId: string; epoch: number },
    verdict: (typeof VERDICTS)[number],
    sendsBack = false,
  ): Command {
    const at = new Date(this.nowMs);
    const step = this.task.spec.steps?.find((one) => one.id === this.subtask(about.subtaskId)?.stepId);
    const alone = step === undefined && this.task.subtasks.length === 1 && verdict.kind === 'accepted';
    const sole = alone ? { result: taskResult(), warnings: [] } : null;
    const { subtaskId, epoch } = about;
    return {
      kind: 'deliver',
      subtaskId,
      epoch,
      startedAt: at,
      endedAt: at,
      verdict,
      usage: noUsage,
      sole,
      successors: [],
      ...(step?.review === undefined ? {} : { sendsBack }),
    };
  }

  /** Successors are looked up under the lock, not when the message was sent. */
  private asTheStoreIsNow(command: Command): Command {
    if (command.kind !== 'deliver' && command.kind !== 'lose_lease') return command;
    const failedAgent = command.kind === 'deliver' ? (this.subtask(command.subtaskId)?.agentId ?? null) : null;
    return { ...command, successors: this.successors(command.subtaskId, failedAgent) };
  }

  private closingOf(pass: Pass): Command | null {
    const subtask = pass.ord === WHOLE_TASK ? undefined : this.task.subtasks[pass.ord];
    const opening = this.openings.get(pass.ord);
    const requiredSkills = subtask?.skills ?? this.task.spec.requiredSkills;
    const present = this.agents.filter((agent) => agent.status === 'active');
    const active = present.map((agent) => ({ agentId: agent.id, skills: agent.skills }));
    const tried = new Set(subtask?.tried ?? []);
    const fresh = active.some(
      (one) => !tried.has(one.agentId) && requiredSkills.every((skill) => one.skills.includes(skill)),
    );
    const { spec } = this.task;
    const { outcome, receipt } = judgeRound({
      taskId: this.task.id,
      subtaskId: subtask?.id,
      round: pass.round,
      at: new Date(this.nowMs),
      requiredSkills,
      domain: spec.domain,
      complexity: spec.complexity,
      maxTeamSize: spec.maxTeamSize,
      allowPartial: spec.allowPartial,
      replies: [reply(present.filter((agent) => agent.slots > 0).map((agent) => offer(agent.id)))],
      silentPools: [],
      agents: new Map(this.agents.map((agent) => [agent.id, agent])),
      activeAgents: active,
      alreadyTried: fresh ? tried : new Set(),
      policy,
    });
    const pools = new Map(this.agents.map((agent) => [agent.id, agent.pool ?? '']));
    const since = opening?.incapableSinceMs ?? this.nowMs;
    const { ord, round, tries } = pass;
    return {
      kind: 'close_round',
      ord,
      round,
      outcome,
      receipt,
      replies: [],
      pools,
      tries,
      incapableMs: this.nowMs - since,
    };
  }

  private subtask(subtaskId: string): SubtaskRecord | undefined {
    return this.task.subtasks.find((one) => one.id === subtaskId);
  }

  private successors(subtaskId: string, failedAgent: string | null): Successor[] {
    const subtask = this.subtask(subtaskId);
    if (subtask === undefined) return [];
    const tried = new Set([...subtask.tried, ...(failedAgent === null ? [] : [failedAgent])]);
    const opening = { requiredSkills: subtask.skills, domain: this.task.spec.domain };
    return (this.bidsOfRound.get(subtask.round) ?? []).flatMap((bid) => {
      const agent = this.agents.find((one) => one.id === bid.agentId);
      const covers = subtask.skills.every((skill) => bid.skills.includes(skill));
      return covers && refusalOf(agent, opening, tried) === undefined ? successorsNamed(bid.agentId) : [];
    });
  }

  private carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'open_attempt':
        return this.openAttempt(effect);
      case 'close_attempt':
      case 'reverse_attempt':
        return this.settleAttempt(effect);
      case 'open_board':
        if (this.openings.has(effect.ord)) throw new Error(`opening ${effect.ord} is on the board already`);
        this.openings.set(effect.ord, { tries: 0, dueMs: this.nowMs, incapableSinceMs: null });
        return;
      case 'close_board':
        if (!this.openings.delete(effect.ord)) throw new Error(`opening ${effect.ord} is not on the board`);
        return;
      case 'clear_board':
        return this.openings.clear();
      case 'delay_opening':
        return this.delay(effect);
      case 'receipt':
        if (this.bidsOfRound.has(effect.receipt.round))
          throw new Error(`round ${effect.receipt.round} has a receipt already`);
        this.bidsOfRound.set(
          effect.receipt.round,
          effect.receipt.bids.filter((bid) => bid.refused === undefined),
        );
        return;
      case 'ledger':
        return this.enter(effect.entry);
      case 'begin_synthesis':
        if (this.syntheses.includes(effect.epoch)) throw new Error(`synthesis ${effect.epoch} has begun already`);
        this.syntheses.push(effect.epoch);
    }
  }

  private openAttempt({ subtaskId, epoch, agentId }: Extract<Effect, { kind: 'open_attempt' }>): void {
    const key = `${subtaskId}:${epoch}`;
    if (this.attempts.has(key)) throw new Error(`attempt ${key} exists already`);
    const iteration = this.subtask(subtaskId)?.iteration ?? 0;
    this.attempts.set(key, { subtaskId, epoch, agentId, iteration, verdict: null });
  }

  private settleAttempt({
    kind,
    subtaskId,
    epoch,
    verdict,
  }: Extract<Effect, { kind: 'close_attempt' | 'reverse_attempt' }>): void {
    const attempt = this.attempts.get(`${subtaskId}:${epoch}`);
    const expected = kind === 'close_attempt' ? null : 'provisional';
    if (attempt?.verdict !== expected)
      throw new Error(`${kind} of attempt ${subtaskId}:${epoch}, which is ${attempt?.verdict ?? 'open or absent'}`);
    attempt.verdict = verdict;
  }

  private delay({ ord, delayMs, incapable }: Extract<Effect, { kind: 'delay_opening' }>): void {
    const opening = this.openings.get(ord);
    if (opening === undefined) throw new Error(`opening ${ord} is not on the board`);
    opening.dueMs = this.nowMs + delayMs;
    opening.incapableSinceMs = incapable ? (opening.incapableSinceMs ?? this.nowMs) : null;
  }

  private enter({ effectKey, agentId, outcome }: Extract<Effect, { kind: 'ledger' }>['entry']): void {
    if (this.ledger.has(effectKey)) throw new Error(`${effectKey} has an entry already`);
    this.ledger.set(effectKey, { agentId, outcome });
  }
}
