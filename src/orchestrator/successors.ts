import type { Trx } from '../db/database.ts';
import type { Successor } from './core/commands.ts';
import { refusalOf } from './core/eligibility.ts';
import type { SubtaskRecord } from './core/task-record.ts';
import { readStandingBids } from './attempt-store.ts';
import { lockAgents } from './market-rows-store.ts';
import type { LockedTask } from './task-rows-store.ts';

/**
 * Who may take a subtask over: the bidders of its round in rank order that cover its skills, have not failed at it, and
 * could bid now by the market's records. `failedAgent` has just failed; null after a lost lease, which is nobody's fault.
 */
export async function findSuccessors(
  trx: Trx,
  locked: LockedTask,
  subtask: SubtaskRecord,
  failedAgent: string | null,
  leaseMs: number,
): Promise<Successor[]> {
  const bids = await readStandingBids(trx, locked.task.id, subtask.round);
  const covering = bids.filter((bid) => subtask.skills.every((skill) => bid.skills.includes(skill)));
  const tried = new Set([...subtask.tried, ...(failedAgent === null ? [] : [failedAgent])]);
  const agents = await lockAgents(
    trx,
    covering.map((bid) => bid.agentId),
    leaseMs,
  );
  const opening = { requiredSkills: subtask.skills, domain: locked.task.spec.domain };
  return covering.flatMap((bid) => {
    const agent = agents.get(bid.agentId);
    const pool = agent?.pool;
    if (pool === null || pool === undefined || refusalOf(agent, opening, tried) !== undefined) return [];
    return [{ agentId: bid.agentId, pool }];
  });
}
