import type { ReceiptRound } from '../../contracts/award.ts';
import type { LockedTask } from './attempts.ts';
import type { Successor } from './commands.ts';
import { refusalOf, type KnownAgent } from './eligibility.ts';
import type { SubtaskRecord } from './task-record.ts';

export interface SuccessorRequest {
  locked: LockedTask;
  subtask: SubtaskRecord;
  /** Who has just failed at it; null after a lost lease, which is nobody's fault. */
  failedAgent: string | null;
}

/**
 * Who may take each subtask over: the bidders of its round in rank order that cover its skills, have not failed at it, and
 * could bid now by the market's records. Each request sees the slot that the one before it will take: `agents` are changed.
 * @param receipts of the subtasks' rounds, in the order of the requests
 */
export function chooseSuccessors(
  requests: readonly SuccessorRequest[],
  receipts: readonly (ReceiptRound | undefined)[],
  agents: ReadonlyMap<string, KnownAgent>,
): Successor[][] {
  return requests.map((request, index) => {
    const receipt = receipts[index];
    const successors = receipt === undefined ? [] : successorsOf(request, receipt, agents);
    const taker = agents.get(successors[0]?.agentId ?? '');
    if (taker !== undefined) taker.reservedSlots += 1;
    return successors;
  });
}

function successorsOf(
  { locked, subtask, failedAgent }: SuccessorRequest,
  receipt: ReceiptRound,
  agents: ReadonlyMap<string, KnownAgent>,
): Successor[] {
  const tried = new Set([...subtask.tried, ...(failedAgent === null ? [] : [failedAgent])]);
  const opening = { requiredSkills: subtask.skills, domain: locked.task.spec.domain };
  return receipt.bids.flatMap((bid): Successor[] => {
    const agent = agents.get(bid.agentId);
    const covers = bid.refused === undefined && subtask.skills.every((skill) => bid.skills.includes(skill));
    if (!covers || refusalOf(agent, opening, tried) !== undefined || !agent?.pool) return [];
    return [{ agentId: bid.agentId, pool: agent.pool, bid, basis: basisOf(receipt) }];
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
