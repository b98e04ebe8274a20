import type { TeamStep } from '../../contracts/award.ts';
import type { Complexity } from '../../contracts/task.ts';

/** PRODUCT, "One agent or a team". */
export const TEAM_SIZE: Record<Complexity, number> = { simple: 1, moderate: 3, complex: 5 };

export function complexityOf(requiredSkillCount: number): Complexity {
  if (requiredSkillCount <= 1) return 'simple';
  return requiredSkillCount <= 3 ? 'moderate' : 'complex';
}

export interface Candidate {
  agentId: string;
  skills: readonly string[];
}

export interface TeamRequest {
  requiredSkills: readonly string[];
  complexity: Complexity;
  /** Undefined: by complexity. */
  maxTeamSize: number | undefined;
  /** Candidates in rank order, best first. */
  ranked: readonly Candidate[];
}

export interface Formation {
  /** One agent does everything as one subtask, or members share one subtask for each skill. */
  kind: 'single' | 'team';
  members: Candidate[];
  steps: TeamStep[];
  uncoveredSkills: string[];
  /** Set if the task was treated otherwise than its complexity says. */
  note: string | undefined;
}

/**
 * The smallest useful team, by greed and then by pruning: walk the bids in score order, take who covers a required skill
 * that is not covered yet, stop when all are covered or the team is full; then, worst rank first, drop each member whose
 * skills the others cover. A full team that leaves skills open is formed once more, each time taking who brings most new
 * skills (ties by rank).
 */
export function formTeam(request: TeamRequest): Formation {
  const { requiredSkills, complexity, ranked } = request;
  if (complexity === 'simple' || requiredSkills.length === 0) {
    const single = chooseSingle(requiredSkills, ranked);
    if (single.members.length > 0 || requiredSkills.length === 0) return single;
  }
  const fellBack = complexity === 'simple' && requiredSkills.length > 1;
  const size = request.maxTeamSize ?? TEAM_SIZE[complexity === 'simple' ? 'moderate' : complexity];
  const note = fellBack ? 'No bidder covers all skills of this simple task: treated as moderate.' : undefined;
  const byRank = greedy(ranked, requiredSkills, size, nextByRank);
  const best =
    byRank.uncoveredSkills.length > 0 && byRank.members.length >= size
      ? better(byRank, greedy(ranked, requiredSkills, size, nextByMostNewSkills))
      : byRank;
  return { kind: 'team', ...prune(best, ranked, requiredSkills), note };
}

/** The best-ranked candidate that covers all the skills, or nobody. */
export function chooseSingle(requiredSkills: readonly string[], ranked: readonly Candidate[]): Formation {
  const single = ranked.find((candidate) => coversAll(candidate, requiredSkills));
  return single === undefined ? nobody(requiredSkills) : singleAgent(single, requiredSkills);
}

export function coversAll(candidate: Candidate, requiredSkills: readonly string[]): boolean {
  return requiredSkills.every((skill) => candidate.skills.includes(skill));
}

interface Draft {
  members: Candidate[];
  steps: TeamStep[];
  uncoveredSkills: string[];
}

type Pick = (rest: readonly Candidate[], open: ReadonlySet<string>) => Candidate | undefined;

const newSkills = (candidate: Candidate, open: ReadonlySet<string>) =>
  candidate.skills.filter((skill) => open.has(skill));

const nextByRank: Pick = (rest, open) => rest.find((candidate) => newSkills(candidate, open).length > 0);

const nextByMostNewSkills: Pick = (rest, open) => {
  let best: Candidate | undefined;
  let most = 0;
  for (const candidate of rest) {
    const count = newSkills(candidate, open).length;
    if (count > most) [best, most] = [candidate, count];
  }
  return best;
};

function greedy(ranked: readonly Candidate[], requiredSkills: readonly string[], size: number, pick: Pick): Draft {
  const open = new Set(requiredSkills);
  const members: Candidate[] = [];
  const steps: TeamStep[] = [];
  let rest = [...ranked];
  while (open.size > 0 && members.length < size) {
    const next = pick(rest, open);
    if (next === undefined) break;
    const index = rest.indexOf(next);
    if (pick === nextByRank) {
      for (const passed of rest.slice(0, index)) steps.push({ agentId: passed.agentId, action: 'skip', skills: [] });
      rest = rest.slice(index + 1);
    } else {
      rest = rest.filter((candidate) => candidate !== next);
    }
    const gained = newSkills(next, open);
    for (const skill of gained) open.delete(skill);
    members.push(next);
    steps.push({ agentId: next.agentId, action: 'take', skills: gained });
  }
  return { members, steps, uncoveredSkills: [...open] };
}

function better(first: Draft, second: Draft): Draft {
  return second.uncoveredSkills.length < first.uncoveredSkills.length ? second : first;
}

function prune(draft: Draft, ranked: readonly Candidate[], requiredSkills: readonly string[]): Draft {
  const required = new Set(requiredSkills);
  const worstFirst = [...ranked].reverse();
  let members = draft.members;
  const steps = [...draft.steps];
  for (const candidate of worstFirst) {
    if (!members.includes(candidate)) continue;
    const others = members.filter((member) => member !== candidate);
    const own = newSkills(candidate, required);
    if (others.length === 0 || !own.every((skill) => others.some((other) => other.skills.includes(skill)))) continue;
    members = others;
    steps.push({ agentId: candidate.agentId, action: 'drop', skills: own });
  }
  const inRankOrder = ranked.filter((candidate) => members.includes(candidate));
  return { members: inRankOrder, steps, uncoveredSkills: draft.uncoveredSkills };
}

function singleAgent(agent: Candidate, requiredSkills: readonly string[]): Formation {
  return {
    kind: 'single',
    members: [agent],
    steps: [{ agentId: agent.agentId, action: 'take', skills: [...requiredSkills] }],
    uncoveredSkills: [],
    note: undefined,
  };
}

function nobody(requiredSkills: readonly string[]): Formation {
  return { kind: 'single', members: [], steps: [], uncoveredSkills: [...requiredSkills], note: undefined };
}

/**
 * True if some team of at most `size` of these agents covers all the skills, as far as greed by most new skills can tell; of
 * equally many new skills the earlier agent is taken.
 */
export function couldCover(agents: readonly Candidate[], requiredSkills: readonly string[], size: number): boolean {
  return greedy(agents, requiredSkills, size, nextByMostNewSkills).uncoveredSkills.length === 0;
}
