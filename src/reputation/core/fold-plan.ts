import type { Outcome } from '../../contracts/ledger.ts';
import { foldEntries, START_REPUTATION } from './ledger-rules.ts';

/** What the fold looks at of an entry. */
export interface FoldableEntry {
  id: number;
  agentId: string;
  skill: string | null;
  outcome: Outcome;
  quality: number | null;
  delta: number;
  durationMs: number | null;
  team: boolean;
}

/** An entry as applied; `ord` counts from 0 in the order of application. */
export interface AppliedEntry {
  ord: number;
  id: number;
  before: number;
  after: number;
}

/** What is added to an agent's record; `reputation` takes the place of the old one. */
export interface AgentTotals {
  id: string;
  reputation: number;
  accepted: number;
  failed: number;
  /** Of accepted deliveries alone: a time-out would only say how long the limit was. */
  response_ms: number;
  team_accepted: number;
  team_failed: number;
}

/** What is added to an agent's record in one skill. */
export interface SkillTotals {
  agent_id: string;
  skill: string;
  accepted: number;
  failed: number;
  quality_sum: number;
  quality_count: number;
  duration_ms_sum: number;
  duration_count: number;
}

export interface FoldPlan {
  applied: AppliedEntry[];
  agents: AgentTotals[];
  skills: SkillTotals[];
}

/**
 * Applies unfolded entries to the reputations they meet, agent by agent, each agent's in the order given, with the clamp
 * after each. A failure of the market's own is applied (delta 0) and counts neither as accepted nor as failed. An agent
 * that is not in `reputations` starts at 100.
 */
export function planFold(entries: readonly FoldableEntry[], reputations: ReadonlyMap<string, number>): FoldPlan {
  const plan: FoldPlan = { applied: [], agents: [], skills: [] };
  for (const [agentId, own] of Map.groupBy(entries, (entry) => entry.agentId)) {
    const start = reputations.get(agentId) ?? START_REPUTATION;
    const steps = foldEntries(
      start,
      own.map((entry) => entry.delta),
    );
    own.forEach((entry, i) => {
      const { before, after } = steps[i] ?? { before: start, after: start };
      plan.applied.push({ ord: plan.applied.length, id: entry.id, before, after });
    });
    plan.agents.push(agentTotals(agentId, steps.at(-1)?.after ?? start, own));
    plan.skills.push(...skillTotals(agentId, own));
  }
  return plan;
}

function agentTotals(id: string, reputation: number, entries: readonly FoldableEntry[]): AgentTotals {
  const accepted = entries.filter((entry) => entry.outcome === 'accepted');
  const failed = entries.filter(countsAsFailed);
  return {
    id,
    reputation,
    accepted: accepted.length,
    failed: failed.length,
    response_ms: accepted.reduce((sumMs, entry) => sumMs + (entry.durationMs ?? 0), 0),
    team_accepted: accepted.filter((entry) => entry.team).length,
    team_failed: failed.filter((entry) => entry.team).length,
  };
}

function skillTotals(agentId: string, entries: readonly FoldableEntry[]): SkillTotals[] {
  const counted = entries.filter((entry) => entry.skill !== null && entry.outcome !== 'market_failure');
  return [...Map.groupBy(counted, (entry) => entry.skill ?? '')].map(([skill, own]) => {
    const accepted = own.filter((entry) => entry.outcome === 'accepted');
    const qualities = accepted.flatMap((entry) => entry.quality ?? []);
    const durationsMs = accepted.flatMap((entry) => entry.durationMs ?? []);
    return {
      agent_id: agentId,
      skill,
      accepted: accepted.length,
      failed: own.length - accepted.length,
      quality_sum: sum(qualities),
      quality_count: qualities.length,
      duration_ms_sum: sum(durationsMs),
      duration_count: durationsMs.length,
    };
  });
}

function countsAsFailed(entry: FoldableEntry): boolean {
  return entry.outcome !== 'accepted' && entry.outcome !== 'market_failure';
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
