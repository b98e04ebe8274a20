import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { MarketError } from '../../src/contracts/errors.ts';
import type { TaskView } from '../../src/contracts/task.ts';
import { uuidv7At } from '../../src/util/uuid.ts';
import { ask, fakeMarket, type FakeMarket, type FakeMarketOptions } from '../api/fake-market.ts';
import { startBrowser, type TestBrowser } from '../support/chromium.ts';
import { DASHBOARD } from '../support/dashboard-build.ts';
import { openDashboard } from '../support/dashboard-page.ts';

// a browser and a market on a machine that does other things besides
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const MAX_SCRIPT_BYTES = 250_000;
let market: FakeMarket | undefined;

afterEach(async () => {
  await market?.app.close();
  market = undefined;
});

describe('the files of the dashboard', () => {
  test('have under 250 kB of JavaScript compressed, and no address of another host', async () => {
    const names = await readdir(path.join(DASHBOARD, 'assets'));
    const scripts = await Promise.all(
      names.filter((name) => name.endsWith('.js')).map((name) => readFile(path.join(DASHBOARD, 'assets', name))),
    );
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.reduce((sum, script) => sum + gzipSync(script).length, 0)).toBeLessThan(MAX_SCRIPT_BYTES);
    const page = await readFile(path.join(DASHBOARD, 'index.html'), 'utf8');
    expect(page).not.toMatch(/https?:\/\//);
    expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=/);
  });

  test('are served without a key, under a policy without anything inline; assets for good, the page never', async () => {
    market = await fakeMarket();
    const page = await ask(market, 'GET', '/', { token: null });
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['cache-control']).toBe('public, max-age=0');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain('unsafe');
    const script = /src="\.(\/assets\/[^"]+)"/.exec(page.text)?.[1] ?? '';
    const asset = await ask(market, 'GET', script, { token: null });
    expect(asset.status).toBe(200);
    expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(asset.headers['x-content-type-options']).toBe('nosniff');
  });

  test.each(['/assets/nothing.js', '/assets/..%2findex.html', '/assets/%2e%2e/%2e%2e/package.json', '/tasks'])(
    'are all that there is: %s is 404',
    async (url) => {
      market = await fakeMarket();
      expect((await ask(market, 'GET', url, { token: null })).status).toBe(404);
    },
  );
});

describe('the dashboard on a server that', () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  async function serve(options: FakeMarketOptions): Promise<string> {
    market = await fakeMarket({ keyless: true, ...options });
    await market.app.listen({ host: '127.0.0.1', port: 0 });
    return `http://127.0.0.1:${(market.app.server.address() as AddressInfo).port}`;
  }

  test('has 10,000 tasks keeps no more rows than the window needs, down to the last', async () => {
    const tasks = manyTasks(10_000);
    const url = await serve({
      change: ({ tasks: service }) => {
        service.list = async (_principal, { limit, cursor }) => {
          const from = cursor === undefined ? 0 : Number(cursor);
          const next = from + limit;
          return { items: tasks.slice(from, next), nextCursor: next < tasks.length ? String(next) : null };
        };
      },
    });
    const { page, context, faults } = await openDashboard(browser, url);
    const rows = page.getByRole('list', { name: 'Tasks' }).getByRole('listitem');
    await rows.first().waitFor();
    const last = page.locator('li[aria-posinset="10000"]');
    let most = 0;
    while ((await last.count()) === 0) {
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      most = Math.max(most, await rows.count());
    }
    expect(await last.getAttribute('aria-setsize')).toBe('10000');
    expect(await last.getByRole('link').getAttribute('href')).toBe(`#/tasks/${tasks.at(-1)?.id ?? ''}`);
    expect(most).toBeGreaterThan(10);
    expect(most).toBeLessThan(60);
    await page.evaluate(() => scrollTo(0, 0));
    await page.locator('li[aria-posinset="1"]').waitFor();
    expect(await rows.count()).toBeLessThan(60);
    expect(faults).toEqual([]);
    await context.close();
  });

  test('has no task yet says how to begin; one that fails says so, and is asked again', async () => {
    let failing = false;
    const url = await serve({
      change: ({ agents }) => {
        const list = agents.list.bind(agents);
        agents.list = async (query) => {
          if (failing) throw new MarketError('UNAVAILABLE', 'The market’s store does not answer.');
          return list(query);
        };
        const { get } = agents;
        agents.get = async (id) => (failing ? Promise.reject(new Error('a fault of the test')) : get(id));
      },
    });
    const { page, show, context } = await openDashboard(browser, url);
    await page.getByText('No task yet').waitFor();
    failing = true;
    await show('/agents/finance').catch(() => undefined);
    await page.getByRole('alert').getByText('INTERNAL').waitFor();
    failing = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('everybody starts with').waitFor();
    await context.close();
  });

  test('is slow says what it waits for', async () => {
    const url = await serve({});
    const { page, show, context } = await openDashboard(browser, url);
    await page.route('**/v1/agents/finance', () => undefined);
    await show('/agents/finance');
    await page.getByRole('status').getByText('Loading the agent').waitFor();
    await context.close();
  });

  test('needs no key asks for none', async () => {
    const { page, context } = await openDashboard(browser, await serve({}));
    await page.getByText('No task yet').waitFor();
    expect(await page.getByLabel('Key').count()).toBe(0);
    await context.close();
  });
});

/** Newest first, as the market lists them. */
function manyTasks(count: number): TaskView[] {
  return Array.from({ length: count }, (_, index) => taskView(uuidv7At(1_700_000_000_000 + count - index, 0)));
}

function taskView(id: string): TaskView {
  return {
    id,
    type: 'one-of-many',
    requiredSkills: [],
    complexity: 'simple',
    priority: 'normal',
    data: {},
    maxTeamSize: 1,
    allowPartial: false,
    maxAttempts: 3,
    biddingTimeMs: 30_000,
    timeoutMs: 60_000,
    policy: 'weighted',
    rules: [],
    status: 'completed',
    ownerId: 'local',
    round: 1,
    team: [],
    subtasks: [],
    progressPercent: 100,
    warnings: [],
    usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
    createdAt: '2026-11-21T10:00:00.000Z',
    updatedAt: '2026-11-21T10:00:00.000Z',
    finishedAt: '2026-11-21T10:00:01.000Z',
  };
}
