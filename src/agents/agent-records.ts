import type { Principal } from '../contracts/access.ts';
import { MarketError } from '../contracts/errors.ts';
import { decodeCursor, pageOf } from '../contracts/page-cursor.ts';
import type { AgentRecords } from '../contracts/services.ts';
import { auditEntry } from '../db/audit-entry.ts';
import type { Database } from '../db/database.ts';
import { UUID_PATTERN } from '../util/uuid.ts';
import { readHandoffs, reportHandoffs } from './handoff-store.ts';
import { forgetMemories, readMemories } from './memory/memory-store.ts';

/** An admin is asked for no owner. */
const ownerOf = ({ role, ownerId }: Principal) => (role === 'admin' ? undefined : ownerId);

export function createAgentRecords({ db }: { db: Database }): AgentRecords {
  return {
    handoffs: async (taskId, { limit, cursor }) => {
      const entries = await readHandoffs(db, taskId, decodeCursor(cursor, UUID_PATTERN), limit + 1);
      return pageOf(
        entries,
        limit,
        (entry) => entry,
        (entry) => entry.id,
      );
    },
    handoffReport: (windowMs) => reportHandoffs(db, windowMs),
    memories: async (principal, agentId, { limit, cursor }) => {
      const before = decodeCursor(cursor, UUID_PATTERN);
      const memories = await readMemories(db, { agentId, ownerId: ownerOf(principal), before, limit: limit + 1 });
      return pageOf(
        memories,
        limit,
        (memory) => memory,
        (memory) => memory.id,
      );
    },
    forget: async (principal, agentId, memoryId) => {
      await db.transaction().execute(async (trx) => {
        const count = await forgetMemories(trx, { agentId, ownerId: ownerOf(principal), id: memoryId });
        if (count === 0 && memoryId !== undefined) throw new MarketError('NOT_FOUND', 'There is no such memory.');
        await auditEntry(principal, 'memory.forget', agentId, { memoryId: memoryId ?? null, count }).execute(trx);
      });
    },
  };
}
