/**
 * Keys: who may call. A key is `sb_` and 256 random bits; the store holds its SHA-256 alone, which needs no salt or pepper
 * where the secret is that long (a table of hashes cannot be searched). A key is found by its hash, so no comparison
 * can leak it by its duration: an attacker would have to find a preimage to learn from one. The environment's
 * key, which a person may have made up, is compared as hashes in constant time.
 *
 * 1. Nothing but an unrevoked key, the environment's admin key, or the keyless mode makes a principal.
 * 2. Keyless: embedded, on loopback, no admin key in the environment, and no key ever created. The first key ends it for good,
 *    so it has to be an admin's: after any other nobody could make one.
 * 3. What was read of a key is believed for `CACHE_MS`, so a revocation holds everywhere within that time, and at once in
 *    this process and where `invalidate` is called. Only keys that exist are remembered, at most `CACHE_SIZE` of them.
 * 4. A key's creation or revocation and its audit entry are one transaction.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { CreatedKey, KeyRequest, KeyView, Principal, Role } from '../contracts/access.ts';
import { MarketError } from '../contracts/errors.ts';
import { decodeCursor, pageOf } from '../contracts/page-cursor.ts';
import type { Page } from '../contracts/primitives.ts';
import type { KeyService, PageQuery } from '../contracts/services.ts';
import { auditEntry } from '../db/audit-entry.ts';
import type { Database } from '../db/database.ts';
import { UUID_PATTERN, uuidv7 } from '../util/uuid.ts';
import { createKeyCache, type KeyCache } from './key-cache.ts';

const TOKEN_PATTERN = /^sb_[A-Za-z0-9_-]{43}$/;
const TOKEN_BYTES = 32;

/** Of an open connection's or a request's key, so that a revocation is felt within 5 s on both (a connection is asked every 2 s). */
const CACHE_MS = 3_000;
const CACHE_SIZE = 10_000;

const LOCAL: Principal = { keyId: null, role: 'admin', ownerId: 'local' };
const FROM_ENVIRONMENT: Principal = { keyId: 'env', role: 'admin', ownerId: 'admin' };

export interface KeyServiceDeps {
  db: Database;
  /** True if the market runs on its own PostgreSQL. */
  embedded: boolean;
  /** True if the server listens on a loopback address only. */
  loopback: boolean;
  /** The environment's admin key. */
  adminKey?: string | undefined;
  /** Called after a key was created or revoked here, to tell the other processes to `invalidate`. */
  onChange?: (() => void) | undefined;
  /** Milliseconds that only grow; default `performance.now`. */
  nowMs?: (() => number) | undefined;
}

export interface CachedKeyService extends KeyService {
  /** Forgets what was read of keys: the next request of each key reads the store. */
  invalidate(): void;
}

export function createKeyService(deps: KeyServiceDeps): CachedKeyService {
  const nowMs = deps.nowMs ?? (() => performance.now());
  const keys = createKeyCache((hash) => findPrincipal(deps.db, hash), {
    maxAgeMs: CACHE_MS,
    maxEntries: CACHE_SIZE,
    nowMs,
  });
  const keyless = createKeylessMode(deps, nowMs);
  const adminHash = deps.adminKey === undefined ? null : sha256(deps.adminKey);
  const changed = () => {
    keys.clear();
    deps.onChange?.();
  };
  return {
    authenticate: (token) => authenticate(token, { keys, keyless, adminHash }),
    create: async (principal, request) => {
      if (request.role !== 'admin') await refuseAsFirst(keyless);
      const created = await insertKey(deps, principal, request);
      keyless.end();
      changed();
      return created;
    },
    list: (query) => listKeys(deps.db, query),
    revoke: async (principal, keyId) => {
      await revokeKey(deps, principal, keyId);
      changed();
    },
    revokeAllOf: async (principal, ownerId) => {
      const keyIds = await keysInUse(deps.db, ownerId);
      for (const keyId of keyIds) await revokeKey(deps, principal, keyId);
      if (keyIds.length > 0) changed();
      return keyIds.length;
    },
    adminKeyExists: async () => adminHash !== null || (await storedAdminKeyExists(deps.db)),
    invalidate: () => {
      keys.clear();
      keyless.askAgain();
    },
  };
}

interface Credentials {
  keys: KeyCache;
  keyless: KeylessMode;
  adminHash: Buffer | null;
}

async function authenticate(token: string | undefined, known: Credentials): Promise<Principal> {
  if (token === undefined) {
    if (await known.keyless.holds()) return LOCAL;
    throw new MarketError('UNAUTHENTICATED', 'Send a key: "Authorization: Bearer sb_…".');
  }
  const hash = sha256(token);
  if (known.adminHash !== null && timingSafeEqual(hash, known.adminHash)) return FROM_ENVIRONMENT;
  const principal = TOKEN_PATTERN.test(token) ? await known.keys.get(hash.toString('base64')) : null;
  if (principal === null) throw new MarketError('UNAUTHENTICATED', 'This key does not exist, or was revoked.');
  return principal;
}

function sha256(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

interface KeylessMode {
  holds(): Promise<boolean>;
  end(): void;
  askAgain(): void;
}

/** While it holds, the store is asked again every `CACHE_MS`: another process may have created the first key. */
function createKeylessMode(deps: KeyServiceDeps, nowMs: () => number): KeylessMode {
  let possible = deps.embedded && deps.loopback && deps.adminKey === undefined;
  let askedAtMs = -Infinity;
  return {
    holds: async () => {
      if (!possible || nowMs() - askedAtMs < CACHE_MS) return possible;
      const atMs = nowMs();
      if (await anyKeyExists(deps.db)) possible = false;
      else askedAtMs = atMs;
      return possible;
    },
    end: () => {
      possible = false;
    },
    askAgain: () => {
      askedAtMs = -Infinity;
    },
  };
}

/** @throws MarketError CONFLICT while no key exists and none is needed */
async function refuseAsFirst(keyless: KeylessMode): Promise<void> {
  keyless.askAgain();
  if (!(await keyless.holds())) return;
  const detail =
    'The first key ends the time without keys, and only an admin can make more: create an admin key first.';
  throw new MarketError('CONFLICT', detail);
}

async function anyKeyExists(db: Database): Promise<boolean> {
  const row = await db.selectFrom('api_key').select('id').limit(1).executeTakeFirst();
  return row !== undefined;
}

async function storedAdminKeyExists(db: Database): Promise<boolean> {
  const admins = db.selectFrom('api_key').select('id').where('role', '=', 'admin').where('revoked_at', 'is', null);
  return (await admins.limit(1).executeTakeFirst()) !== undefined;
}

async function findPrincipal(db: Database, hashBase64: string): Promise<Principal | null> {
  const row = await db
    .selectFrom('api_key')
    .select(['id', 'role', 'owner_id'])
    .where('hash', '=', Buffer.from(hashBase64, 'base64'))
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? null : { keyId: row.id, role: row.role, ownerId: row.owner_id };
}

async function insertKey(deps: KeyServiceDeps, principal: Principal, request: KeyRequest): Promise<CreatedKey> {
  const id = uuidv7();
  const key = `sb_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  const { role, name = null, ownerId = id } = request;
  const row = await deps.db.transaction().execute(async (trx) => {
    const inserted = await trx
      .insertInto('api_key')
      .values({ id, role, name, owner_id: ownerId, hash: sha256(key) })
      .returningAll()
      .executeTakeFirstOrThrow();
    await auditEntry(principal, 'key.created', id, { role, ownerId }).execute(trx);
    return inserted;
  });
  return { ...keyView(row), key };
}

/** Revoking a revoked key changes nothing and is no error. */
async function revokeKey(deps: KeyServiceDeps, principal: Principal, keyId: string): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    const key = UUID_PATTERN.test(keyId)
      ? await trx.selectFrom('api_key').select('revoked_at').where('id', '=', keyId).forUpdate().executeTakeFirst()
      : undefined;
    if (key === undefined) throw new MarketError('NOT_FOUND', 'There is no such key.');
    if (key.revoked_at !== null) return;
    await trx
      .updateTable('api_key')
      .set((eb) => ({ revoked_at: eb.fn<Date>('clock_timestamp') }))
      .where('id', '=', keyId)
      .execute();
    await auditEntry(principal, 'key.revoked', keyId).execute(trx);
  });
}

async function keysInUse(db: Database, ownerId: string): Promise<string[]> {
  const keys = db.selectFrom('api_key').select('id').where('owner_id', '=', ownerId).where('revoked_at', 'is', null);
  return (await keys.orderBy('id').execute()).map((key) => key.id);
}

async function listKeys(db: Database, query: PageQuery): Promise<Page<KeyView>> {
  const before = decodeCursor(query.cursor, UUID_PATTERN);
  // ids are UUIDv7: their order is that of creation
  let select = db
    .selectFrom('api_key')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(query.limit + 1);
  if (before !== undefined) select = select.where('id', '<', before);
  return pageOf(await select.execute(), query.limit, keyView, (row) => row.id);
}

interface KeyRow {
  id: string;
  role: Role;
  name: string | null;
  owner_id: string;
  created_at: Date;
  revoked_at: Date | null;
}

function keyView(row: KeyRow): KeyView {
  return {
    id: row.id,
    role: row.role,
    name: row.name,
    ownerId: row.owner_id,
    createdAt: row.created_at.toISOString(),
    revokedAt: row.revoked_at?.toISOString() ?? null,
  };
}
