import type { Refusal } from '../../contracts/award.ts';
import { OVERLOAD_PERCENT, servesDomain, sharesSkill } from '../../contracts/eligibility.ts';

export { OVERLOAD_PERCENT, servesDomain } from '../../contracts/eligibility.ts';

/** What the market's own records say of an agent when a round closes. */
export interface KnownAgent {
  id: string;
  pool: string | null;
  skills: string[];
  /** Empty: serves every domain. */
  domains: string[];
  status: 'active' | 'draining' | 'suspended' | 'retired';
  /** 0–150. */
  reputation: number;
  /** Open attempts. */
  reservedSlots: number;
  /** capacity × live replicas; 0 while its pool is away. */
  slots: number;
}

/** 100 × reserved slots / slots; 100 for an agent without a live replica. Rounded to two decimals. */
export function loadPercent(reservedSlots: number, slots: number): number {
  return slots <= 0 ? 100 : Math.round((10_000 * reservedSlots) / slots) / 100;
}

/** Why the market does not let this agent's bid stand; undefined if it does. A bid is an offer, not evidence. */
export function refusalOf(
  agent: KnownAgent | undefined,
  opening: { requiredSkills: readonly string[]; domain: string | undefined },
  alreadyTried: ReadonlySet<string>,
): Refusal | undefined {
  if (agent === undefined) return 'UNKNOWN_AGENT';
  if (agent.status !== 'active') return 'NOT_ACTIVE';
  if (!sharesSkill(agent.skills, opening.requiredSkills)) return 'NO_SKILL';
  if (!servesDomain(agent, opening.domain)) return 'OUT_OF_DOMAIN';
  if (alreadyTried.has(agent.id)) return 'ALREADY_TRIED';
  if (loadPercent(agent.reservedSlots, agent.slots) >= OVERLOAD_PERCENT) return 'OVERLOADED';
  return undefined;
}
