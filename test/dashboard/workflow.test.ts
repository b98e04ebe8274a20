import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { builtInAgents } from '../../src/agents/index.ts';
import { startDemoMarket } from '../../src/cli/demo-market.ts';
import type { AgentDefinition } from '../../src/contracts/agent-definition.ts';
import { SwarmbidClient } from '../../src/sdk/index.ts';
import { startBrowser, type TestBrowser } from '../support/chromium.ts';
import { openDashboard, type DashboardPage } from '../support/dashboard-page.ts';
import { ADMIN_KEY, startMarket, type Market } from '../support/market.ts';

// a browser and a market on a machine that does other things besides
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const POLL = { timeout: 60_000 };
/** One that asks, one that is asked; the first also reviews, and never approves. */
const talkers: AgentDefinition[] = [
  {
    id: 'asker',
    skills: ['asking'],
    execute: async (_subtask, context) => ({
      approved: false,
      told: await context.ask('teller', 'terms', { for: 'bees' }),
    }),
  },
  { id: 'teller', skills: ['telling'], execute: () => 'told', onMessage: () => ({ term: '<b>hive</b>' }) },
];
let market: Market;
let browser: TestBrowser;
const opened: DashboardPage[] = [];

beforeAll(async () => {
  [market, browser] = await Promise.all([
    startMarket({ transport: 'PostgreSQL', agents: [...builtInAgents, ...talkers] }),
    startBrowser(),
  ]);
});

afterAll(async () => {
  await browser.close();
  await market.stop();
});

afterEach(async () => {
  const faults = opened.flatMap((one) => one.faults);
  for (const { context } of opened.splice(0)) await context.close();
  expect(faults).toEqual([]);
});

async function open(url = market.url, key?: string): Promise<DashboardPage> {
  const dashboard = await openDashboard(browser, url, key === undefined ? {} : { key });
  opened.push(dashboard);
  return dashboard;
}

describe('a workflow', () => {
  const reviewed = {
    type: 'article',
    steps: [
      { id: 'facts', skills: ['telling'] },
      { id: 'text', skills: ['telling'], dependsOn: ['facts'] },
      {
        id: 'review',
        skills: ['asking'],
        dependsOn: ['text'],
        review: { of: 'text', until: 'deliveries.review.approved', maxIterations: 2, escalate: true },
      },
      { id: 'end', skills: ['telling'], dependsOn: ['review'], when: 'true' },
    ],
  };

  test('is drawn as a graph of its steps; a person decides of it, and what its agents said is shown', async () => {
    const { id } = await market.submit(reviewed);
    await market.untilType(id, 'task.escalated');
    const { page, show } = await open(market.url, ADMIN_KEY);
    await show(`/tasks/${id}`);
    const steps = page.getByRole('list', { name: 'Steps' }).getByRole('listitem');
    await expect.poll(() => steps.allInnerTexts(), POLL).toHaveLength(4);
    const told = (await steps.allInnerTexts()).map((text) => text.split(/\s*\n\s*/));
    expect(told).toEqual([
      ['facts', 'accepted', 'teller'],
      ['text', 'accepted, iteration 2', 'teller', 'after facts'],
      ['review', 'accepted, iteration 2', 'asker', 'after text, reviews text'],
      ['end', 'pending', 'nobody yet', 'after review, if true'],
    ]);
    expect(await page.locator('.graph path.dependency').count()).toBe(3);
    expect(await page.locator('.graph path.review').count()).toBe(1);
    const messages = page.getByRole('list', { name: 'Messages' });
    await messages.getByText('teller to asker: terms').first().click();
    await messages.getByText('<b>hive</b>').first().waitFor();

    await page.getByText('did not approve "text" in 2 iterations').first().waitFor();
    await page.getByLabel('Note').fill('Good enough.');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('every required part was accepted').waitFor();
    await steps.nth(3).getByText('accepted').waitFor();
    const task = await market.ended(id);
    expect(task).toMatchObject({
      status: 'completed',
      escalations: [{ decision: { decision: 'approve', note: 'Good enough.' } }],
    });
  });

  test('has its way to the result in its timeline, by step, with what made each delivery', async () => {
    const { id } = await market.run({
      type: 'answer',
      steps: [{ id: 'reply', skills: ['documentation'] }],
      description: 'How do I reset my password?',
    });
    const { page, show } = await open(market.url, ADMIN_KEY);
    await show(`/tasks/${id}`);
    await page.locator('.timeline').getByText('reply (documentation)').waitFor();
    await page.locator('.timeline').getByText('by rules').waitFor();
  });
});

describe('a market without keys', () => {
  test('is open to its own machine; its first key locks it, and the page that made it goes on with that key', async () => {
    const fresh = await startDemoMarket({}, { dataDir: undefined, serve: false, model: false });
    try {
      const { page, show } = await open(fresh.url);
      await show('/admin');
      await page.getByText('everybody on this machine is an admin').waitFor();
      await page.getByLabel('Role').selectOption('admin');
      await page.getByRole('button', { name: 'Create' }).click();
      const token = (await page.locator('.new-key code').textContent()) ?? '';
      await expect(new SwarmbidClient({ url: fresh.url }).tasks()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await new SwarmbidClient({ url: fresh.url, token }).submit({ type: 'after-the-key', requiredSkills: ['seo'] });
      await show('/tasks');
      await page.getByRole('list', { name: 'Tasks' }).getByText('after-the-key').waitFor();
    } finally {
      await fresh.stop();
    }
  });
});
