/**
 * The fold: turns appended ledger entries into reputations.
 *
 * 1. Every entry is folded once: its row is locked while `fold_seq` is null, and gets its `fold_seq` in the transaction
 *    that changes the agent.
 * 2. One agent's entries are applied one at a time with the clamp, and `fold_seq` grows in the order of application:
 *    `before` of each is `after` of the one before. An entry that commits late is applied late, whatever its id.
 * 3. Folds may run at once, in several processes. They lock entries in (agent, id) order and then agents in id order;
 *    whoever locks several agents elsewhere must use that order too.
 * 4. Entries of an agent without a record are folded like others, and hold nobody up.
 *
 * A sum kept up to date inside each settlement was tried and livelocked on hot agents; hence append, then fold.
 */
import type { Tier } from '../contracts/agent.ts';
import type { Database, Trx } from '../db/database.ts';
import type { Logger } from '../observability/logger.ts';
import { crashPoint } from '../util/crash-point.ts';
import { planFold } from './core/fold-plan.ts';
import { tierOf } from './core/tiers.ts';
import {
  lastReputations,
  lockReputations,
  lockUnfolded,
  markTold,
  readUntold,
  writeFold,
  type UnfoldedEntry,
  type UntoldEntry,
} from './fold-store.ts';

/** A ledger entry that now counts. Reputations are 0–150. */
export interface FoldedEntry extends UntoldEntry {
  tierBefore: Tier;
  tier: Tier;
}

export interface Fold {
  /**
   * Folds up to `limit` entries in one transaction. Fewer than `limit` means that nothing more was waiting when it began.
   * @returns the entries in order of `foldSeq`; empty when there is nothing to do
   */
  foldOnce(limit?: number): Promise<FoldedEntry[]>;
  /** Folded entries that were not told as events yet, oldest first: a queue that a crash between fold and event leaves whole. */
  untold(limit: number): Promise<FoldedEntry[]>;
  /** In the transaction that tells them: marks entries, and returns the `foldSeq` of those that nobody has told before. */
  markTold(trx: Trx, foldSeqs: readonly number[]): Promise<Set<number>>;
}

const DEFAULT_LIMIT = 500;

export function createFold(options: { db: Database; logger: Logger }): Fold {
  const { db, logger } = options;
  return {
    foldOnce: async (limit = DEFAULT_LIMIT) => {
      const folded = await db.transaction().execute((trx) => foldIn(trx, limit, logger));
      if (folded.length > 0) logger.debug({ entries: folded.length }, 'folded ledger entries');
      return folded;
    },
    untold: async (limit) =>
      (await readUntold(db, limit)).map((entry) => ({
        ...entry,
        tierBefore: tierOf(entry.before),
        tier: tierOf(entry.after),
      })),
    markTold,
  };
}

async function foldIn(trx: Trx, limit: number, logger: Logger): Promise<FoldedEntry[]> {
  const entries = await lockUnfolded(trx, limit);
  if (entries.length === 0) return [];
  const agentIds = [...new Set(entries.map((entry) => entry.agentId))];
  const reputations = await lockReputations(trx, agentIds);
  const unknown = agentIds.filter((id) => !reputations.has(id));
  const starts = unknown.length === 0 ? reputations : await withUnknown(trx, reputations, unknown, logger);
  const plan = planFold(entries, starts);
  const known = plan.skills.filter((totals) => reputations.has(totals.agent_id));
  const foldSeqs = await writeFold(trx, plan.applied, plan.agents, known);
  crashPoint('mid-fold');
  const entryById = new Map(entries.map((entry) => [entry.id, entry]));
  return plan.applied.map((step) => folded(entryById, step, foldSeqs));
}

async function withUnknown(trx: Trx, known: ReadonlyMap<string, number>, unknown: string[], logger: Logger) {
  logger.warn({ agentIds: unknown }, 'ledger entries of agents that have no record');
  return new Map([...known, ...(await lastReputations(trx, unknown))]);
}

function folded(
  entryById: ReadonlyMap<number, UnfoldedEntry>,
  step: { id: number; before: number; after: number },
  foldSeqs: ReadonlyMap<number, number>,
): FoldedEntry {
  const entry = entryById.get(step.id);
  const foldSeq = foldSeqs.get(step.id);
  if (entry === undefined || foldSeq === undefined)
    throw new Error(`ledger entry ${step.id} was locked and not written`);
  const { agentId, taskId, ownerId, subtaskId, outcome, quality, delta, reason } = entry;
  const { before, after } = step;
  const tiers = { tierBefore: tierOf(before), tier: tierOf(after) };
  return { agentId, taskId, ownerId, subtaskId, outcome, quality, delta, reason, before, after, ...tiers, foldSeq };
}
