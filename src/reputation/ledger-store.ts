import { sql } from 'kysely';
import type { LedgerEntryDraft } from '../contracts/ledger.ts';
import type { Trx } from '../db/database.ts';
import type { Statement } from '../db/pipeline.ts';
import { deltaFor } from './core/ledger-rules.ts';

/** An entry as its cause states it; what it changes is the ledger's to say. */
export type LedgerEntryCause = Omit<LedgerEntryDraft, 'delta'>;

export interface LedgerStore {
  /**
   * Appends an entry for each cause within the caller's transaction, in one statement. An effect key that the ledger
   * holds already is left as it is: appending twice is appending once. Reputation is untouched until the fold.
   */
  append(trx: Trx, causes: readonly LedgerEntryCause[]): Promise<void>;
  /** The statement of `append`, for a caller that sends it together with others of its own. */
  appending(causes: readonly LedgerEntryCause[]): Statement;
}

export function createLedgerStore(): LedgerStore {
  return { append, appending };
}

async function append(trx: Trx, causes: readonly LedgerEntryCause[]): Promise<void> {
  if (causes.length > 0) await appending(causes).execute(trx);
}

function appending(causes: readonly LedgerEntryCause[]): Statement {
  // by key: two transactions that append the same entries wait for each other in one order, so they cannot deadlock
  const rows = causes.map(rowOf).sort((a, b) => (a.effect_key < b.effect_key ? -1 : 1));
  return sql`
    insert into ledger (effect_key, agent_id, task_id, owner_id, subtask_id, skill, outcome, quality, quality_source,
                        delta, reason, duration_ms, team)
    select effect_key, agent_id, task_id, owner_id, subtask_id, skill, outcome, quality, quality_source,
           delta, reason, duration_ms, team
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as draft (
      effect_key text, agent_id text, task_id uuid, owner_id text, subtask_id text, skill text, outcome text,
      quality real, quality_source text, delta int, reason text, duration_ms int, team boolean)
    on conflict (effect_key) do nothing`;
}

function rowOf(cause: LedgerEntryCause) {
  return {
    effect_key: cause.effectKey,
    agent_id: cause.agentId,
    task_id: cause.taskId,
    owner_id: cause.ownerId,
    subtask_id: cause.subtaskId,
    skill: cause.skill,
    outcome: cause.outcome,
    quality: cause.quality,
    quality_source: cause.qualitySource,
    delta: deltaFor(cause),
    reason: cause.reason,
    duration_ms: cause.durationMs === null ? null : Math.round(cause.durationMs),
    team: cause.team,
  };
}
