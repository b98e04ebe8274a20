import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { builtInAgents } from '../../src/agents/index.ts';
import { startBrowser, type TestBrowser } from '../support/chromium.ts';
import { axeViolations, openDashboard, type DashboardPage } from '../support/dashboard-page.ts';
import { ADMIN_KEY, startMarket, type Market } from '../support/market.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { gatedAgent } from './gated-agent.ts';

// a browser and a market on a machine that does other things besides
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const POLL = { timeout: 60_000 };
const gate = gatedAgent();
let market: Market;
let browser: TestBrowser;
const opened: DashboardPage[] = [];

beforeAll(async () => {
  [market, browser] = await Promise.all([
    startMarket({ transport: 'PostgreSQL', agents: [...builtInAgents, gate.agent] }),
    startBrowser(),
  ]);
});

afterAll(async () => {
  gate.open();
  await browser.close();
  await market.stop();
});

afterEach(async () => {
  const faults = opened.flatMap((one) => one.faults);
  for (const { context } of opened.splice(0)) await context.close();
  expect(faults).toEqual([]);
});

async function open(options: Parameters<typeof openDashboard>[2] & { url?: string } = {}): Promise<DashboardPage> {
  const { url = market.url, ...rest } = options;
  const dashboard = await openDashboard(browser, url, { key: ADMIN_KEY, ...rest });
  opened.push(dashboard);
  return dashboard;
}

const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { level: 1, name });
const live = (page: Page) => page.getByRole('status', { name: 'Live feed' }).getByText('Live');
const shownSeqs = (page: Page) =>
  page.locator('.events li').evaluateAll((items) => items.map((item) => Number(item.getAttribute('data-seq'))));
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

async function startGatedTask(): Promise<string> {
  gate.shut();
  const { id } = await market.submit({ type: 'gated', requiredSkills: ['gated_work'] });
  await market.untilType(id, 'subtask.progress');
  return id;
}

describe('a key', () => {
  test('is asked for where the server needs one; a wrong one is refused, the right one opens and outlives a reload', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(market.url);
    await heading(page, 'A key, please').waitFor();
    await page.getByLabel('Key').fill('sb_wrong');
    await page.getByRole('button', { name: 'Open the market' }).click();
    await page.getByRole('alert').getByText('does not know this key').waitFor();
    await page.getByLabel('Key').fill(ADMIN_KEY);
    await page.getByRole('button', { name: 'Open the market' }).click();
    await heading(page, 'Tasks').waitFor();
    await page.reload();
    await heading(page, 'Tasks').waitFor();
    expect(await page.evaluate(() => localStorage.getItem('swarmbid-key'))).toBeNull();
    await context.close();
  });

  test('of a submitter shows its own tasks alone, and says what needs an admin', async () => {
    const { key } = await market.admin.createKey({ role: 'submitter', name: 'ada' });
    await market.run({ type: 'of-the-admin', requiredSkills: ['documentation'] });
    await market.client(key).submit({ type: 'of-ada', requiredSkills: ['documentation'] });
    const { page, show } = await open({ key });
    const list = page.getByRole('list', { name: 'Tasks' });
    await list.getByText('of-ada').waitFor();
    expect(await list.getByText('of-the-admin').count()).toBe(0);
    await show('/market');
    await page.getByText('This needs an admin’s key.').first().waitFor();
    await show('/agents');
    await page.getByRole('rowheader', { name: 'finance' }).waitFor();
  });
});

describe('a task', () => {
  test('goes from the form to its result on one page: bids, passes, team, events, rating', async () => {
    const { page } = await open();
    await page.getByRole('link', { name: 'Submit a task' }).first().click();
    await heading(page, 'Submit a task').waitFor();
    await page.getByRole('button', { name: /Cost review/ }).click();
    expect(await page.getByLabel('Type', { exact: true }).inputValue()).toBe('cost-review');
    await page.getByRole('button', { name: 'Submit', exact: true }).click();

    await heading(page, 'cost-review').waitFor();
    await page.getByText('every required part was accepted').waitFor();
    const bids = page.getByRole('list', { name: /^Bids of round/ }).last();
    await expect.poll(() => bids.getByRole('listitem').count(), { timeout: 30_000 }).toBe(2);
    expect(await bids.getByText('won').count()).toBe(2);
    await bids
      .getByRole('img', { name: /^Score \d+(\.\d+)?: reputation \d.*, skills \d.*, free load \d/ })
      .first()
      .waitFor();
    await page.getByText('has none of the skills').first().waitFor();
    expect(await page.locator('.timeline .bar.accepted').count()).toBe(2);
    const taskId = page.url().split('/').at(-1)!;
    const events = await market.until(
      taskId,
      (all) => all.filter(({ type }) => ['reputation.changed', 'task.completed'].includes(type)).length === 3,
    );
    await page.locator(`.events li[data-seq="${events.length}"]`).waitFor();
    expect(await shownSeqs(page)).toEqual(upTo(events.length));

    await page.getByLabel(/^Quality/).fill('95');
    await page.getByRole('button', { name: 'Rate' }).click();
    await page.getByText('quality 95 (requester)').first().waitFor();
  });

  test('that the server refuses is explained at its fields', async () => {
    const { page, show } = await open();
    await show('/submit');
    await page.getByLabel('Type', { exact: true }).fill('not a slug!');
    await page.getByLabel('Data').fill('[1]');
    await page.getByRole('button', { name: 'Submit', exact: true }).click();
    await page.getByText('must be an object in JSON').waitFor();
    await page.getByLabel('Data').fill('{}');
    await page.getByRole('button', { name: 'Submit', exact: true }).click();
    await page.locator('#type-hint').getByText('must be 1–64 characters').waitFor();
    expect(await page.getByLabel('Type', { exact: true }).getAttribute('aria-invalid')).toBe('true');
  });

  test('shows its progress while it runs, and can be cancelled after a second question', async () => {
    const id = await startGatedTask();
    const { page, show } = await open();
    await show(`/tasks/${id}`);
    await page.getByText('40 %, at the gate').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Yes' }).click();
    await page.locator('.page-head').getByText('cancelled').waitFor();
    expect((await market.admin.task(id)).status).toBe('cancelled');
  });

  test('is followed without a gap across a broken connection, which the page says', async () => {
    const id = await startGatedTask();
    const proxy = await startTcpProxy(market.url);
    const { page, show } = await open({ url: proxy.url });
    await show(`/tasks/${id}`);
    await page.getByText('40 %, at the gate').waitFor();
    await live(page).waitFor();

    proxy.cut();
    await page.getByText(/^Not live since/).waitFor();
    gate.open();
    const events = await market.until(id, (all) => all.at(-1)?.type === 'reputation.changed');
    proxy.mend();

    await page.locator(`.events li[data-seq="${events.length}"]`).waitFor();
    await live(page).waitFor();
    await page.getByText('every required part was accepted').waitFor();
    expect(await page.getByText(/^Not live since/).count()).toBe(0);
    expect(await shownSeqs(page)).toEqual(upTo(events.length));
    await proxy.close();
  });

  test('has its texts and deliveries shown as text, never as markup', async () => {
    gate.open();
    const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const { id } = await market.run({
      type: 'hostile',
      description: hostile,
      requiredSkills: ['gated_work'],
      data: { hostile },
    });
    const { page, show } = await open();
    await show(`/tasks/${id}`);
    await page.getByText(hostile, { exact: true }).waitFor();
    await page.locator('.sections .json', { hasText: 'onerror=' }).waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).toBe('hostile · Swarmbid');
  });

  test('that does not exist is an error, not an endless wait', async () => {
    const { page, show } = await open();
    await show('/tasks/01890a5d-ac96-774b-bcce-b302099a8057');
    await page.getByRole('alert').getByText('Not found.').waitFor();
  });
});

describe('the list of tasks', () => {
  test('shows new tasks and changed states by itself, also after a broken connection', async () => {
    const proxy = await startTcpProxy(market.url);
    const { page } = await open({ url: proxy.url });
    await live(page).waitFor();
    const id = await startGatedTask();
    const row = page.locator(`a[href="#/tasks/${id}"]`);
    await row.getByText('running').waitFor();
    proxy.cut();
    await page.getByText(/^Not live since/).waitFor();
    gate.open();
    await market.ended(id);
    proxy.mend();
    await row.getByText('completed').waitFor();
    await proxy.close();
  });

  test('keeps its filters in the address; what nothing fits says so', async () => {
    await market.run({ type: 'faq', requiredSkills: ['documentation'] });
    const { page } = await open();
    await page.getByLabel('Type').fill('faq');
    await page.getByLabel('Type').press('Enter');
    await page.locator('.task-row', { hasText: 'faq' }).first().waitFor();
    await page.reload();
    expect(await page.getByLabel('Type').inputValue()).toBe('faq');
    await page.getByLabel('Status').selectOption('escalated');
    await page.getByText('No task is like this').waitFor();
    await page.getByRole('button', { name: 'Show all tasks' }).click();
    await page.locator('.task-row', { hasText: 'faq' }).first().waitFor();
  });
});

describe('agents', () => {
  test('have ranks, tiers and intervals; one of them is explained, suspended and resumed', async () => {
    const { id } = await market.run({ type: 'costs', requiredSkills: ['cost_tracking'] });
    await market.changes(id, 1);
    const { page, show } = await open();
    await show('/agents');
    const row = page.getByRole('row', { name: /finance/ });
    await row.getByRole('img', { name: /^95 % interval from/ }).waitFor();
    await row.getByRole('link', { name: 'finance' }).click();
    await heading(page, 'Finance').waitFor();
    await page
      .getByRole('region', { name: 'Every change of its reputation' })
      .getByText(/^accepted/)
      .first()
      .waitFor();
    await page.getByRole('region', { name: 'Its bids' }).getByText('won').first().waitFor();

    await page.getByRole('button', { name: 'Suspend' }).click();
    await page.getByRole('button', { name: 'Yes' }).click();
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    expect((await market.admin.agent('finance')).status).toBe('suspended');
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('button', { name: 'Drain' }).waitFor();
    expect((await market.admin.agent('finance')).status).toBe('active');
  });
});

describe('the market', () => {
  test('has ten figures, charts, tiers, pools and movers', async () => {
    const { page, show } = await open();
    await show('/market');
    await expect.poll(() => page.locator('.figures > div').count(), POLL).toBe(10);
    await page.getByRole('img', { name: /completed and \d+ failed over 1 h/ }).waitFor();
    await page.getByRole('button', { name: 'minute' }).click();
    await page.getByRole('img', { name: /completed and \d+ failed over 1 min/ }).waitFor();
    await page.getByText('1 of 1 healthy').waitFor();
    await page.getByText(/^\d.* of \d+ awards$/).waitFor();
    expect(await page.locator('.chart canvas').count()).toBeGreaterThanOrEqual(2);
  });
});

describe('admin', () => {
  test('makes a key that is shown once and opens the market, revokes it, and logs both', async () => {
    const { page, show } = await open();
    await show('/admin');
    await page.getByLabel('Role').selectOption('submitter');
    await page.getByLabel('Name').fill('for a test');
    await page.getByRole('button', { name: 'Create' }).click();
    const key = await page.locator('.new-key code').textContent();
    const client = market.client(key ?? '');
    expect((await client.tasks()).items).toEqual([]);
    const row = page.getByRole('listitem').filter({ hasText: 'for a test' });
    await row.getByRole('button', { name: 'Revoke' }).click();
    await row.getByRole('button', { name: 'Yes' }).click();
    await row.getByText('revoked').waitFor();
    await expect(client.tasks()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await page.getByRole('region', { name: 'Audit log' }).getByText('key.revoked').first().waitFor();
  });
});

describe('every view', () => {
  const views = async () => {
    const { id } = await market.run({ type: 'cost-review', requiredSkills: ['cost_tracking', 'data_analysis'] });
    const workflow = await market.run({
      type: 'workflow',
      steps: Array.from({ length: 8 }, (_, i) => ({
        id: `step-${i}`,
        skills: ['documentation'],
        dependsOn: i === 0 ? [] : [`step-${i - 1}`],
      })),
    });
    return [
      '/tasks',
      '/submit',
      `/tasks/${id}`,
      `/tasks/${workflow.id}`,
      '/agents',
      '/agents/finance',
      '/market',
      '/admin',
    ];
  };
  const settled = async (page: Page) => {
    await expect.poll(() => page.locator('.loading').count(), POLL).toBe(0);
  };

  test.each(['light', 'dark'] as const)('has nothing that axe objects to, in %s', async (colorScheme) => {
    const { page, show } = await open({ colorScheme, reducedMotion: 'reduce' });
    for (const view of await views()) {
      await show(view);
      await settled(page);
      expect(await axeViolations(page), view).toEqual([]);
    }
  });

  test('fits a phone 390 px wide, with nothing to scroll sideways', async () => {
    const { page, show } = await open({ viewport: { width: 390, height: 844 } });
    for (const view of await views()) {
      await show(view);
      await settled(page);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), view).toBeLessThanOrEqual(390);
    }
  });

  test('is reached by keyboard alone, with the heading focused after a change', async () => {
    const { page } = await open();
    await heading(page, 'Tasks').waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.textContent.trim());
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the content');
    await page.getByRole('link', { name: 'Agents' }).focus();
    await page.keyboard.press('Enter');
    await heading(page, 'Agents').waitFor();
    await expect.poll(focused, POLL).toBe('Agents');
  });
});
