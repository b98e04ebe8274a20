import { z } from 'zod';
import type { Principal } from './access.ts';

export const ownerIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be the id of an owner');

export const ownerDeletionSchema = z.object({
  ownerId: z.string(),
  keysRevoked: z.number().int(),
  tasksCancelled: z.number().int(),
  tasksDeleted: z.number().int(),
  memoriesDeleted: z.number().int(),
  ledgerEntries: z.number().int().describe('entries that are kept, without the owner'),
});
export type OwnerDeletion = z.infer<typeof ownerDeletionSchema>;

export interface OwnerData {
  /**
   * Everything that is stored for an owner, as lines of JSON, `{kind, …}`, a chunk at a time; the last is of kind `end`. Not
   * a snapshot: what changes meanwhile is there in one state or the other.
   */
  export(principal: Principal, ownerId: string): Promise<AsyncIterable<string>>;
  /**
   * Revokes the owner's keys, cancels its open tasks and deletes all of them with what hangs on them, its idempotency keys
   * and memories. Ledger entries stay without the owner. Doing it twice is doing it once.
   */
  delete(principal: Principal, ownerId: string): Promise<OwnerDeletion>;
}
