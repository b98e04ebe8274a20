import type { Principal } from '../contracts/access.ts';
import { MarketError } from '../contracts/errors.ts';
import { decodeCursor, pageOf } from '../contracts/page-cursor.ts';
import type { AgentRecords } from '../contracts/services.ts';
import { auditEntry } from '../db/audit-entry.ts';
import type { OwnedDatabase } from '../db/owned-database.ts';
import { UUID_PATTERN } from '../util/uuid.ts';
import { readHandoffs, reportHandoffs } from './handoff-store.ts';
import { forgetMemories, readMemories } from './memory/memory-store.ts';

/** An admin is asked for no owner. */
const ownerOf = ({ role, ownerId }: Principal) => (role === 'admin' ? undefined : ownerId);

export function createAgentRecords({ db }: { db: OwnedDatabase }): AgentRecords {
  return {
    handoffs: async (principal, taskId, { limit, cursor }) => {
      const after = decodeCursor(cursor, UUID_PATTERN);
      const entries = await db.read(principal, (own) => readHandoffs(own, taskId, after, limit + 1));
      return pageOf(
        entries,
        limit,
        (entry) => entry,
        (entry) => entry.id,
      );
    },
    handoffReport: (windowMs) => reportHandoffs(db.everyOwner, windowMs),
    memories: async (principal, agentId, { limit, cursor }) => {
      const before = decodeCursor(cursor, UUID_PATTERN);
      const which = { agentId, ownerId: ownerOf(principal), before, limit: limit + 1 };
      const memories = await db.read(principal, (own) => readMemories(own, which));
      return pageOf(
        memories,
        limit,
        (memory) => memory,
        (memory) => memory.id,
      );
    },
    forget: async (principal, agentId, memoryId) => {
      await db.write(principal, async (trx) => {
        const count = await forgetMemories(trx, { agentId, ownerId: ownerOf(principal), id: memoryId });
        if (count === 0 && memoryId !== undefined) throw new MarketError('NOT_FOUND', 'There is no such memory.');
        await auditEntry(principal, 'memory.forget', agentId, { memoryId: memoryId ?? null, count }).execute(trx);
      });
    },
  };
}
