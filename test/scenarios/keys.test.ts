import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createApp, type App } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { SwarmbidClient } from '../../src/sdk/index.ts';
import { ADMIN_KEY, startMarket, TRANSPORTS, type Market } from '../support/market.ts';
import { createTestDatabase } from '../support/stores.ts';

const logger = createLogger('fatal');
const unauthenticated = { status: 401, code: 'UNAUTHENTICATED' };

describe('an embedded market', () => {
  let dataDir: string;
  let app: App;
  let url: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'swarmbid-keys-'));
    // As root, PostgreSQL runs as another user, who must be able to enter.
    await chmod(dataDir, 0o755);
    app = await createApp(readConfig({ PORT: '0', SWARMBID_DATA_DIR: dataDir }), { agents: [], logger });
    url = (await app.start()).url!;
  });
  afterAll(async () => {
    await app.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('needs no key on a loopback address until the first one is created, and from then on always', async () => {
    const anybody = new SwarmbidClient({ url });
    expect((await anybody.tasks()).items).toEqual([]);
    const { key } = await anybody.createKey({ role: 'admin', name: 'first' });
    expect(key).toMatch(/^sb_/);
    await expect(anybody.tasks()).rejects.toMatchObject(unauthenticated);
    await expect(anybody.createKey({ role: 'admin' })).rejects.toMatchObject(unauthenticated);
    const admin = new SwarmbidClient({ url, token: key });
    expect((await admin.keys()).items).toMatchObject([{ role: 'admin', name: 'first', revokedAt: null }]);
    expect(JSON.stringify(await admin.keys())).not.toContain(key);
  });
});

describe.each(TRANSPORTS)('a distributed market on %s', (transport) => {
  let market: Market;
  beforeAll(async () => {
    market = await startMarket({ transport, agents: [] });
  });
  afterAll(() => market.stop());

  it('needs a key from the first request on; SWARMBID_ADMIN_KEY is the first', async () => {
    await expect(market.client(undefined).tasks()).rejects.toMatchObject(unauthenticated);
    await expect(market.client(`${ADMIN_KEY}x`).tasks()).rejects.toMatchObject(unauthenticated);
    await expect(market.client(undefined).watch('any').next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect((await market.client(ADMIN_KEY).tasks()).items).toEqual([]);
    expect((await fetch(`${market.url}/healthz`)).status).toBe(200);
  });

  it('a submitter may not do what admins do, an agent’s key opens nothing yet, and a revoked key is none', async () => {
    const submitter = await market.admin.createKey({ role: 'submitter' });
    const forbidden = { status: 403, code: 'FORBIDDEN' };
    await expect(market.client(submitter.key).leaderboard()).rejects.toMatchObject(forbidden);
    await expect(market.client(submitter.key).putSkill('mine', {})).rejects.toMatchObject(forbidden);
    expect((await market.client(submitter.key).agents()).items).toEqual([]);
    const agent = await market.admin.createKey({ role: 'agent' });
    await expect(market.client(agent.key).tasks()).rejects.toMatchObject(forbidden);
    await market.admin.revokeKey(submitter.id);
    await expect(market.client(submitter.key).agents()).rejects.toMatchObject(unauthenticated);
  });
});

describe('a market on another address than loopback', () => {
  it('is not started without an admin key', async () => {
    const database = await createTestDatabase(inject('postgresUrl'));
    const config = readConfig({ HOST: '0.0.0.0', PORT: '0', DATABASE_URL: database.url, SWARMBID_ROLES: 'api' });
    const app = await createApp(config, { logger });
    await expect(app.start()).rejects.toThrow('HOST=0.0.0.0 is not a loopback address, and no admin key exists yet');
    await app.stop();
    await database.drop();
  });
});
