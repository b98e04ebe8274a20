/** The rules that an agent judges itself by before it bids, and the market judges its bid by again. */

/** An agent whose load has reached this share of its slots does not bid and gets no more work; 0–100. */
export const OVERLOAD_PERCENT = 80;

/** True if the agent has one of the required skills, or none is required. */
export function sharesSkill(skills: readonly string[], requiredSkills: readonly string[]): boolean {
  return requiredSkills.length === 0 || requiredSkills.some((skill) => skills.includes(skill));
}

/** True if the task names no domain, or the agent serves it; an agent without domains serves every one. */
export function servesDomain(agent: { domains: readonly string[] }, domain: string | undefined): boolean {
  return domain === undefined || agent.domains.length === 0 || agent.domains.includes(domain);
}
