import { z } from 'zod';
import type { AgentDefinition, Assessment, SelfView } from '../contracts/agent-definition.ts';
import type { Announcement, BidOffer, Pass, PassReason, PoolReply } from '../contracts/bid.ts';
import { bidOfferSchema, passSchema } from '../contracts/bid.ts';
import { startSpan } from '../observability/tracing.ts';
import { assessSelf } from './core/self-assessment.ts';

const ASSESS_LIMIT_MS = 100;
/** A reply names so many passes; `passCounts` counts all. */
const LISTED_PASSES = 100;

/** Answers announcements for all agents of a process; interested ones are found by skill, not by asking each. */
export class BidDesk {
  private agents: readonly AgentDefinition[];
  private bySkill = new Map<string, AgentDefinition[]>();
  private readonly selfViewOf: (agentId: string) => SelfView;

  constructor(agents: readonly AgentDefinition[], selfViewOf: (agentId: string) => SelfView) {
    this.agents = agents;
    this.selfViewOf = selfViewOf;
    this.bySkill = indexBySkill(agents);
  }

  /** Takes over what is registered of the agents; one that is not named stays as it is. */
  update(registered: readonly { id: string; skills: string[]; domains: string[] }[]): void {
    const cards = new Map(registered.map((card) => [card.id, card]));
    this.agents = this.agents.map((agent) => ({ ...agent, ...cards.get(agent.id) }));
    this.bySkill = indexBySkill(this.agents);
  }

  async answer({ traceparent, ...announcement }: Announcement): Promise<PoolReply> {
    const span = startSpan('bid', { parent: traceparent, attributes: { 'swarmbid.task': announcement.taskId } });
    const reply = await span.run(() => this.ask(announcement));
    span.set({ 'swarmbid.bids': reply.bids.length });
    span.end();
    return reply;
  }

  private async ask(announcement: Announcement): Promise<PoolReply> {
    const interested = this.interested(announcement.requiredSkills);
    const bids: BidOffer[] = [];
    const passes: Pass[] = [];
    const passCounts: Partial<Record<PassReason, number>> = {};
    const pass = (agentId: string, reason: PassReason) => {
      passCounts[reason] = (passCounts[reason] ?? 0) + 1;
      if (passes.length < LISTED_PASSES) passes.push({ agentId, reason });
    };
    // All are asked before any is waited for, so that slow ones hold the reply up together, not one after another.
    const asked = interested.map((agent) => {
      const self = this.selfViewOf(agent.id);
      return { agent, self, judged: this.assess(agent, announcement, self) };
    });
    for (const { agent, self, judged } of asked) {
      const assessment = judged instanceof Promise ? await judged : judged;
      if (assessment.bid) bids.push(offerOf(agent.id, self, assessment));
      else pass(agent.id, assessment.reason ?? 'DECLINED');
    }
    this.passForTheRest(interested, passes, passCounts);
    const { taskId, subtaskId, round } = announcement;
    return { taskId, ...(subtaskId === undefined ? {} : { subtaskId }), round, bids, passes, passCounts };
  }

  private interested(requiredSkills: readonly string[]): readonly AgentDefinition[] {
    if (requiredSkills.length === 0) return this.agents;
    const [only] = requiredSkills;
    if (requiredSkills.length === 1 && only !== undefined) return this.bySkill.get(only) ?? [];
    return [...new Set(requiredSkills.flatMap((skill) => this.bySkill.get(skill) ?? []))];
  }

  private passForTheRest(
    interested: readonly AgentDefinition[],
    passes: Pass[],
    passCounts: Partial<Record<PassReason, number>>,
  ): void {
    const rest = this.agents.length - interested.length;
    if (rest === 0) return;
    passCounts.NO_SKILL = (passCounts.NO_SKILL ?? 0) + rest;
    const asked = new Set(interested);
    for (const agent of this.agents) {
      if (passes.length >= LISTED_PASSES) return;
      if (!asked.has(agent)) passes.push({ agentId: agent.id, reason: 'NO_SKILL' });
    }
  }

  private assess(agent: AgentDefinition, announcement: Announcement, self: SelfView): Assessment | Promise<Assessment> {
    const standard = assessSelf({ skills: agent.skills, domains: agent.domains ?? [] }, announcement, self);
    return agent.assess === undefined ? standard : ownAssessment(agent, announcement, self, standard);
  }
}

function indexBySkill(agents: readonly AgentDefinition[]): Map<string, AgentDefinition[]> {
  const bySkill = new Map<string, AgentDefinition[]>();
  for (const agent of agents) {
    for (const skill of agent.skills) {
      const same = bySkill.get(skill);
      if (same === undefined) bySkill.set(skill, [agent]);
      else same.push(agent);
    }
  }
  return bySkill;
}

const assessmentSchema: z.ZodType<Assessment> = z.discriminatedUnion('bid', [
  bidOfferSchema.pick({ confidence: true, estimatedMs: true, estimatedCostUsd: true }).extend({ bid: z.literal(true) }),
  z.object({ bid: z.literal(false), reason: passSchema.shape.reason.optional() }),
]);

/** An agent's own code must not hold up the others: one that throws, is late or answers nonsense passes as UNHEALTHY. */
async function ownAssessment(
  agent: AgentDefinition,
  announcement: Announcement,
  self: SelfView,
  standard: Assessment,
): Promise<Assessment> {
  const unhealthy: Assessment = { bid: false, reason: 'UNHEALTHY' };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Assessment>((resolve) => {
    timer = setTimeout(() => resolve(unhealthy), ASSESS_LIMIT_MS);
  });
  try {
    // Copies in and out: what an agent does to its arguments, or keeps of its answer, stays its own affair.
    const own = Promise.resolve(agent.assess?.(structuredClone(announcement), { ...self }, { ...standard }));
    return assessmentSchema.parse(await Promise.race([own, late]));
  } catch {
    return unhealthy;
  } finally {
    clearTimeout(timer);
  }
}

function offerOf(agentId: string, self: SelfView, terms: Extract<Assessment, { bid: true }>): BidOffer {
  return {
    agentId,
    loadPercent: self.loadPercent,
    ...(terms.confidence === undefined ? {} : { confidence: terms.confidence }),
    ...(terms.estimatedMs === undefined ? {} : { estimatedMs: terms.estimatedMs }),
    ...(terms.estimatedCostUsd === undefined ? {} : { estimatedCostUsd: terms.estimatedCostUsd }),
  };
}
