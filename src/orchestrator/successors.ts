import type { Trx } from '../db/database.ts';
import { together } from '../db/pipeline.ts';
import { readReceipts } from './attempt-store.ts';
import type { Successor } from './core/commands.ts';
import { refusalOf } from './core/eligibility.ts';
import type { SubtaskRecord } from './core/task-record.ts';
import { agentLocks, knownAgents } from './market-rows-store.ts';
import type { LockedTask } from './task-rows-store.ts';

export interface SuccessorRequest {
  locked: LockedTask;
  subtask: SubtaskRecord;
  /** Who has just failed at it; null after a lost lease, which is nobody's fault. */
  failedAgent: string | null;
}

/**
 * Who may take each subtask over: the bidders of its round in rank order that cover its skills, have not failed at it, and
 * could bid now by the market's records. All of a transaction's requests at once: agents are locked in one order, and each
 * request sees the slot that the one before it will take.
 */
export async function findSuccessors(
  trx: Trx,
  requests: readonly SuccessorRequest[],
  leaseMs: number,
): Promise<Successor[][]> {
  if (requests.length === 0) return [];
  const receipts = await readReceipts(
    trx,
    requests.map(({ locked, subtask }) => ({ taskId: locked.task.id, round: subtask.round })),
  );
  const bidders = receipts.flatMap((receipt) => receipt?.bids.map((bid) => bid.agentId) ?? []);
  const agents = knownAgents(await together(trx, ...agentLocks(bidders, leaseMs)));
  return requests.map(({ locked, subtask, failedAgent }, index) => {
    const receipt = receipts[index];
    if (receipt === undefined) return [];
    const tried = new Set([...subtask.tried, ...(failedAgent === null ? [] : [failedAgent])]);
    const opening = { requiredSkills: subtask.skills, domain: locked.task.spec.domain };
    const successors = receipt.bids.flatMap((bid): Successor[] => {
      const agent = agents.get(bid.agentId);
      const covers = bid.refused === undefined && subtask.skills.every((skill) => bid.skills.includes(skill));
      if (!covers || refusalOf(agent, opening, tried) !== undefined || !agent?.pool) return [];
      return [{ agentId: bid.agentId, pool: agent.pool, bid, basis: basisOf(receipt) }];
    });
    const taker = agents.get(successors[0]?.agentId ?? '');
    if (taker !== undefined) taker.reservedSlots += 1;
    return successors;
  });
}

function basisOf({
  round,
  policy,
  weights,
  tieRule,
  requiredSkills,
  complexity,
}: Successor['basis']): Successor['basis'] {
  return { round, policy, weights, tieRule, requiredSkills, complexity };
}
