import type { Trx } from '../db/database.ts';
import { readReceipts } from './attempt-store.ts';
import type { Successor } from './core/commands.ts';
import { chooseSuccessors, type SuccessorRequest } from './core/succession.ts';
import { lockAgents } from './market-rows-store.ts';

/** `chooseSuccessors` for all of a transaction's requests at once: agents are locked in one order. */
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
  return chooseSuccessors(requests, receipts, await lockAgents(trx, bidders, leaseMs));
}
