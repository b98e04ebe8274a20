import type { Assessment } from '../../contracts/agent-definition.ts';

/** An agent whose load has reached this share of its capacity does not bid. */
export const OVERLOAD_PERCENT = 80;

/**
 * Whether an agent bids, by the market's rule (PRODUCT, self-assessment): it shares a required skill, is healthy, has
 * capacity left, and serves the domain. Else it passes with the first reason that fails, in this order.
 */
export function assessSelf(
  agent: { skills: readonly string[]; domains: readonly string[] },
  announced: { requiredSkills: readonly string[]; domain?: string | undefined },
  self: { loadPercent: number; healthy: boolean },
): Assessment {
  const { requiredSkills, domain } = announced;
  const shares = requiredSkills.length === 0 || requiredSkills.some((skill) => agent.skills.includes(skill));
  if (!shares) return { bid: false, reason: 'NO_SKILL' };
  if (!self.healthy) return { bid: false, reason: 'UNHEALTHY' };
  if (self.loadPercent >= OVERLOAD_PERCENT) return { bid: false, reason: 'OVERLOADED' };
  const serves = domain === undefined || agent.domains.length === 0 || agent.domains.includes(domain);
  return serves ? { bid: true } : { bid: false, reason: 'OUT_OF_DOMAIN' };
}
