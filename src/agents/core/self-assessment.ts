import type { Assessment } from '../../contracts/agent-definition.ts';
import { OVERLOAD_PERCENT, servesDomain, sharesSkill } from '../../contracts/eligibility.ts';

/**
 * Whether an agent bids, by the market's rule (PRODUCT, self-assessment): it shares a required skill, is healthy, has
 * capacity left, and serves the domain. Else it passes with the first reason that fails, in this order.
 */
export function assessSelf(
  agent: { skills: readonly string[]; domains: readonly string[] },
  announced: { requiredSkills: readonly string[]; domain?: string | undefined },
  self: { loadPercent: number; healthy: boolean },
): Assessment {
  if (!sharesSkill(agent.skills, announced.requiredSkills)) return { bid: false, reason: 'NO_SKILL' };
  if (!self.healthy) return { bid: false, reason: 'UNHEALTHY' };
  if (self.loadPercent >= OVERLOAD_PERCENT) return { bid: false, reason: 'OVERLOADED' };
  return servesDomain(agent, announced.domain) ? { bid: true } : { bid: false, reason: 'OUT_OF_DOMAIN' };
}
