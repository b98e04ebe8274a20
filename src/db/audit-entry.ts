import { sql } from 'kysely';
import type { Principal } from '../contracts/access.ts';
import type { Statement } from './pipeline.ts';

/**
 * The statement that records in the audit trail who did what. It belongs in the transaction of what it tells of, so that neither exists
 * without the other, and at its end: writers of the trail take turns until they commit. An actor is a key's id, `env` for
 * the key of the environment, or `local`.
 */
export function auditEntry(
  actor: Principal,
  action: string,
  target: string | null,
  details: Record<string, unknown> = {},
): Statement {
  return sql`insert into audit (actor, action, target, details)
    values (${actor.keyId ?? actor.ownerId}, ${action}, ${target}, ${JSON.stringify(details)}::jsonb)`;
}
