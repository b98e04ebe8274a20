import { readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { SwarmbidClient } from '../../src/sdk/index.ts';
import { ADMIN_KEY } from '../support/market.ts';
import { startPostgres, type TestServer } from '../support/postgres-server.ts';

/** Of its own: on the run's server the market's roles are there already. */
let server: TestServer;
beforeEach(async () => {
  server = await startPostgres();
});
afterEach(() => server.stop());

async function ask<Row extends object>(url: string, statement: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}

async function databaseOf(owner: string): Promise<string> {
  await ask(server.url, `create database market_of_${owner} owner ${owner}`);
  const url = new URL(server.url);
  Object.assign(url, { username: owner, password: 'secret', pathname: `/market_of_${owner}` });
  return url.href;
}

/** Two owners’ tasks are done, and the one finds nothing of the other’s. */
async function expectMarketOn(databaseUrl: string): Promise<void> {
  const env = { DATABASE_URL: databaseUrl, SWARMBID_ADMIN_KEY: ADMIN_KEY, PORT: '0', BID_WINDOW_MS: '1500' };
  const agents = [{ id: 'ann', skills: ['writing'], execute: () => 'done' }];
  const app = await createApp(readConfig(env), { agents, logger: createLogger('fatal') });
  try {
    const url = (await app.start()).url ?? '';
    const admin = new SwarmbidClient({ url, token: ADMIN_KEY });
    const clients = await Promise.all(
      ['ada', 'bob'].map(async (ownerId) => {
        const { key } = await admin.createKey({ role: 'submitter', ownerId });
        return new SwarmbidClient({ url, token: key });
      }),
    );
    for (const client of clients) {
      const { id } = await client.submit({ type: 'letter', requiredSkills: ['writing'] });
      expect(await client.wait(id)).toMatchObject({ status: 'completed' });
      expect((await client.tasks()).items.map((task) => task.id)).toEqual([id]);
    }
  } finally {
    await app.stop();
  }
  const seen = await ask(databaseUrl, 'select id from task');
  expect(seen).toEqual([]); // forced on the owner, too
}

it('a database whose owner may make roles, and is no superuser, carries a market', async () => {
  await ask(server.url, `create role maker login createrole password 'secret'`);
  await expectMarketOn(await databaseOf('maker'));
}, 60_000);

it('so does one whose owner may not, when a superuser has made the roles as docs/running.md has it', async () => {
  const page = await readFile(path.resolve(import.meta.dirname, '../../docs/running.md'), 'utf8');
  const statements = /```sql\n(create role swarmbid_queue [^`]+)```/.exec(page)?.[1];
  await ask(server.url, `create role owner login password 'secret'; ${statements}`);
  await expectMarketOn(await databaseOf('owner'));
}, 60_000);
