import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { createAuditLog, createKeyService, type CachedKeyService, type KeyServiceDeps } from '../../src/api/index.ts';
import type { CreatedKey, Principal, Role } from '../../src/contracts/access.ts';
import { auditEntry } from '../../src/db/audit-entry.ts';
import { createTestDatabase, emptyAuditTrail, type TestDatabase } from '../support/stores.ts';

const LOCAL: Principal = { keyId: null, role: 'admin', ownerId: 'local' };
const ENVIRONMENT_KEY = 'sb_from-the-environment';
const CACHE_MS = 3_000;

let database: TestDatabase;
let nowMs: number;
beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
});
afterAll(async () => {
  await database.drop();
});
beforeEach(() => {
  nowMs = 0;
});
afterEach(async () => {
  await database.db.deleteFrom('api_key').execute();
  await emptyAuditTrail(database.db);
});

function keyService(options: Partial<KeyServiceDeps> = {}): CachedKeyService {
  const { db } = database;
  return createKeyService({
    db,
    embedded: false,
    loopback: true,
    nowMs: () => nowMs,
    ...options,
  });
}

/** Of a market that lets the local admin in until the first key is made. */
const keylessService = (options: Partial<KeyServiceDeps> = {}) => keyService({ embedded: true, ...options });

function create(keys: CachedKeyService, role: Role, ownerId?: string): Promise<CreatedKey> {
  return keys.create(LOCAL, { role, ...(ownerId === undefined ? {} : { ownerId }) });
}

const unauthenticated = { code: 'UNAUTHENTICATED' };

describe('a key', () => {
  test('is sb_ and 256 random bits, and stands for its role and owner', async () => {
    const keys = keyService();
    const created = await create(keys, 'submitter', 'team-a');
    expect(created.key).toMatch(/^sb_[A-Za-z0-9_-]{43}$/);
    expect(await keys.authenticate(created.key)).toStrictEqual({
      keyId: created.id,
      role: 'submitter',
      ownerId: 'team-a',
    });
  });

  test('without an owner has one of its own', async () => {
    const keys = keyService();
    const [first, second] = [await create(keys, 'submitter'), await create(keys, 'submitter')];
    expect(first.ownerId).not.toBe(second.ownerId);
  });

  test('leaves only its hash in the store: no column of any table holds it', async () => {
    const { key } = await create(keyService(), 'admin');
    const stored = await Promise.all([
      database.db.selectFrom('api_key').selectAll().execute(),
      database.db.selectFrom('audit').selectAll().execute(),
    ]);
    expect(JSON.stringify(stored)).not.toContain(key.slice(3));
    expect(stored[0][0]?.hash).toHaveLength(32);
  });

  test.each(['', 'sb_', 'Bearer', 'sb_' + 'A'.repeat(43), 'sb_\0', 'x'.repeat(10_000)])(
    'that was never made is UNAUTHENTICATED: "%.20s"',
    async (token) => {
      const keys = keyService();
      await create(keys, 'admin');
      await expect(keys.authenticate(token)).rejects.toMatchObject(unauthenticated);
    },
  );
});

describe('revoking', () => {
  test('holds at once in this process, and within 3 s in another that had read the key just before', async () => {
    const [here, elsewhere] = [keyService(), keyService()];
    const { id, key } = await create(here, 'submitter');
    await Promise.all([here.authenticate(key), elsewhere.authenticate(key)]);
    await here.revoke(LOCAL, id);
    await expect(here.authenticate(key)).rejects.toMatchObject(unauthenticated);
    nowMs += CACHE_MS - 1;
    expect(await elsewhere.authenticate(key)).toMatchObject({ keyId: id });
    nowMs += 1;
    await expect(elsewhere.authenticate(key)).rejects.toMatchObject(unauthenticated);
  });

  test('is told to others, who then feel it at once', async () => {
    const elsewhere = keyService();
    const here = keyService({
      onChange: () => {
        elsewhere.invalidate();
      },
    });
    const { id, key } = await create(here, 'submitter');
    await elsewhere.authenticate(key);
    await here.revoke(LOCAL, id);
    await expect(elsewhere.authenticate(key)).rejects.toMatchObject(unauthenticated);
  });

  test('twice changes nothing and is written down once', async () => {
    const keys = keyService();
    const { id } = await create(keys, 'submitter');
    await keys.revoke(LOCAL, id);
    const [revoked] = (await keys.list({ limit: 1 })).items;
    await keys.revoke(LOCAL, id);
    expect((await keys.list({ limit: 1 })).items).toStrictEqual([revoked]);
    const { items } = await createAuditLog({ db: database.db }).list({ limit: 10 });
    expect(items.map((entry) => entry.action)).toStrictEqual(['key.revoked', 'key.created']);
  });

  test.each(['01890a5d-ac96-774b-bcce-b302099a8057', 'env', '', '\0'])(
    'a key that is not there is NOT_FOUND: "%s"',
    async (id) => {
      await expect(keyService().revoke(LOCAL, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    },
  );
});

describe('without a key', () => {
  test('the caller is the local admin while embedded, on loopback, and no key was ever created', async () => {
    expect(await keylessService().authenticate(undefined)).toStrictEqual(LOCAL);
  });

  test.each([
    ['not embedded', { embedded: false }],
    ['not on loopback', { loopback: false }],
    ['with an admin key in the environment', { adminKey: ENVIRONMENT_KEY }],
  ])('the caller is UNAUTHENTICATED when %s', async (_what, options) => {
    await expect(keylessService(options).authenticate(undefined)).rejects.toMatchObject(unauthenticated);
  });

  test('a wrong key is UNAUTHENTICATED all the same', async () => {
    await expect(keylessService().authenticate('sb_wrong')).rejects.toMatchObject(unauthenticated);
  });

  test('nobody is let in once a key was created, here at once and elsewhere within 3 s, and not when it is revoked either', async () => {
    const [here, elsewhere] = [keylessService(), keylessService()];
    await elsewhere.authenticate(undefined);
    const { id } = await create(here, 'admin');
    await expect(here.authenticate(undefined)).rejects.toMatchObject(unauthenticated);
    nowMs += CACHE_MS;
    await expect(elsewhere.authenticate(undefined)).rejects.toMatchObject(unauthenticated);
    await here.revoke(LOCAL, id);
    await expect(keylessService().authenticate(undefined)).rejects.toMatchObject(unauthenticated);
  });

  test.each(['submitter', 'agent'] as const)(
    'a first key of role %s is CONFLICT and not made: nobody could make another after it',
    async (role) => {
      const keys = keylessService();
      await expect(create(keys, role)).rejects.toMatchObject({ code: 'CONFLICT' });
      expect((await keys.list({ limit: 1 })).items).toStrictEqual([]);
      expect(await keys.authenticate(undefined)).toStrictEqual(LOCAL);
      await create(keys, 'admin');
      expect(await create(keys, role)).toMatchObject({ role });
    },
  );
});

describe('the key of the environment', () => {
  test('is an admin that no table knows', async () => {
    const keys = keyService({ embedded: false, adminKey: ENVIRONMENT_KEY });
    expect(await keys.authenticate(ENVIRONMENT_KEY)).toStrictEqual({ keyId: 'env', role: 'admin', ownerId: 'admin' });
    await expect(keys.authenticate(`${ENVIRONMENT_KEY}x`)).rejects.toMatchObject(unauthenticated);
    expect((await keys.list({ limit: 1 })).items).toStrictEqual([]);
  });

  test('counts as an admin key, as does a stored one until it is revoked', async () => {
    expect(await keyService({ adminKey: ENVIRONMENT_KEY }).adminKeyExists()).toBe(true);
    const keys = keyService();
    await create(keys, 'submitter');
    expect(await keys.adminKeyExists()).toBe(false);
    const { id } = await create(keys, 'admin');
    expect(await keys.adminKeyExists()).toBe(true);
    await keys.revoke(LOCAL, id);
    expect(await keys.adminKeyExists()).toBe(false);
  });
});

describe('the store is asked', () => {
  test('once for a key that is used a hundred times at once, and once more after 3 s', async () => {
    const keys = keyService();
    const { key } = await create(keys, 'submitter');
    const asked = vi.spyOn(database.db, 'selectFrom');
    await Promise.all(Array.from({ length: 100 }, () => keys.authenticate(key)));
    expect(asked).toHaveBeenCalledTimes(1);
    nowMs += CACHE_MS;
    await keys.authenticate(key);
    expect(asked).toHaveBeenCalledTimes(2);
  });

  test('not at all for what cannot be a key', async () => {
    const keys = keyService();
    const asked = vi.spyOn(database.db, 'selectFrom');
    await expect(keys.authenticate('sb_short')).rejects.toMatchObject(unauthenticated);
    expect(asked).not.toHaveBeenCalled();
  });
});

describe('lists', () => {
  test('keys are paged newest first, and the last page has no cursor', async () => {
    const keys = keyService();
    const created: string[] = [];
    for (let i = 0; i < 3; i++) {
      // keys made within one millisecond have no order
      await vi.waitUntil(() => Date.now() !== lastMs(created.at(-1)), { interval: 1 });
      created.unshift((await create(keys, 'submitter')).id);
    }
    const first = await keys.list({ limit: 2 });
    const second = await keys.list({ limit: 2, cursor: first.nextCursor ?? '' });
    expect([...first.items, ...second.items].map((key) => key.id)).toStrictEqual(created);
    expect(second.nextCursor).toBeNull();
  });

  test('the audit log is paged newest first and names the key that acted', async () => {
    const audit = createAuditLog({ db: database.db });
    for (const target of ['a', 'b', 'c']) {
      const actor: Principal = { keyId: 'k1', role: 'admin', ownerId: 'o' };
      await auditEntry(actor, 'agent.retired', target, { why: target }).execute(database.db);
    }
    const first = await audit.list({ limit: 2 });
    const second = await audit.list({ limit: 2, cursor: first.nextCursor ?? '' });
    expect([...first.items, ...second.items]).toMatchObject(
      ['c', 'b', 'a'].map((target) => ({ actor: 'k1', action: 'agent.retired', target, details: { why: target } })),
    );
    expect(second.nextCursor).toBeNull();
  });

  test.each(['x', '%', 'é'])('a cursor that is none of ours is INVALID_REQUEST: "%s"', async (cursor) => {
    const audit = createAuditLog({ db: database.db });
    await expect(audit.list({ limit: 1, cursor })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(keyService().list({ limit: 1, cursor })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });
});

/** The millisecond in a UUIDv7. */
function lastMs(id: string | undefined): number {
  return Number.parseInt((id ?? '0').replaceAll('-', '').slice(0, 12), 16);
}
