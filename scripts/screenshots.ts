/**
 * `npm run screenshots`: every view of the dashboard into docs/screenshots/, light and dark, desktop and phone, from a real
 * run of the demo's market with its four agents. They are WebP, which keeps each of them well under 150 kB.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { readDemoCampaigns } from '../src/cli/demo-campaigns.ts';
import { startDemoMarket } from '../src/cli/demo-market.ts';
import { EXAMPLES } from '../src/dashboard/views/examples.ts';
import { SwarmbidClient, type TaskView } from '../src/sdk/index.ts';
import { startBrowser, type TestBrowser } from '../test/support/chromium.ts';
import { ensureDashboard } from '../test/support/dashboard-build.ts';

const FOLDER = path.resolve(import.meta.dirname, '../docs/screenshots');
const QUALITY = 80;

interface Shot {
  name: string;
  view: string;
  /** Height of the desktop's window. */
  height: number;
  prepare?: (page: Page) => Promise<unknown>;
}

const SIZES = {
  desktop: (height: number): BrowserContextOptions => ({ viewport: { width: 1280, height } }),
  phone: (): BrowserContextOptions => ({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }),
};

function shotsOf(client: SwarmbidClient, task: TaskView, workflow: TaskView): Shot[] {
  const choose = (name: string) => (page: Page) => page.getByRole('button', { name }).click();
  return [
    // first: its charts go over the last minute
    {
      name: 'market',
      view: '/market',
      height: 1160,
      prepare: (page) => work(client).then(() => choose('minute')(page)),
    },
    { name: 'tasks', view: '/tasks', height: 860 },
    { name: 'submit', view: '/submit', height: 1160, prepare: choose('Cost review') },
    { name: 'task', view: `/tasks/${task.id}`, height: 1460 },
    { name: 'workflow', view: `/tasks/${workflow.id}`, height: 1100 },
    { name: 'agents', view: '/agents', height: 560 },
    { name: 'agent', view: '/agents/finance', height: 1080 },
    { name: 'admin', view: '/admin', height: 760 },
  ];
}

/** Some tasks beside each other, so that there is something to see of the last minute. */
async function work(client: SwarmbidClient): Promise<void> {
  for (let wave = 0; wave < 3; wave += 1) {
    const submitted = await Promise.all(EXAMPLES.map(({ task }) => client.submit({ ...task, biddingTimeMs: 500 })));
    await Promise.all(submitted.map(({ id }) => client.wait(id)));
  }
}

const WORKFLOW = {
  type: 'campaign-in-steps',
  description: 'Look at the history and the budget, plan the campaign, review it, then write its help page.',
  steps: [
    { id: 'history', skills: ['data_analysis'] },
    { id: 'budget', skills: ['budgeting'] },
    { id: 'plan', skills: ['marketing'], dependsOn: ['history', 'budget'] },
    { id: 'review', skills: ['roi_analysis'], dependsOn: ['plan'], review: { of: 'plan', until: 'true' } },
    { id: 'help', skills: ['documentation'], dependsOn: ['review'], when: '$exists(deliveries.review)' },
  ],
};

/** What the pictures show: campaigns with and without a warning, smaller tasks, one that nobody can do, keys, an audit. */
async function fill(
  url: string,
  token: string | undefined,
): Promise<{ key: string; client: SwarmbidClient; task: TaskView; workflow: TaskView }> {
  const open = new SwarmbidClient({ url, token });
  const { key } = await open.createKey({ role: 'admin', name: 'operations' });
  const client = new SwarmbidClient({ url, token: key });
  await client.createKey({ role: 'submitter', name: 'web shop', ownerId: 'shop' });
  const old = await client.createKey({ role: 'submitter', name: 'trial' });
  await client.revokeKey(old.id);
  await client.changeAgent('support', { status: 'draining' });
  await client.changeAgent('support', { status: 'active' });
  const run = async (task: Parameters<typeof client.submit>[0]) => client.wait((await client.submit(task)).id);
  const { campaigns } = await readDemoCampaigns(false);
  let last: TaskView | undefined;
  for (const { submission } of campaigns) {
    for (const example of EXAMPLES) await client.submit(example.task);
    await run({ type: 'landing-page', requiredSkills: ['seo', 'content_creation'], data: submission.data ?? {} });
    last = await run(submission);
  }
  if (last === undefined) throw new Error('the demo has no campaigns');
  await run({ ...(EXAMPLES[0]?.task ?? { type: 'cost-review' }), priority: 'critical' });
  const workflow = await run({ ...WORKFLOW, data: last.data });
  return { key, client, task: last, workflow };
}

async function shoot(browser: TestBrowser, url: string, key: string, shot: Shot): Promise<void> {
  for (const size of ['desktop', 'phone'] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({
        ...SIZES[size](shot.height),
        colorScheme,
        reducedMotion: 'reduce',
      });
      await context.addInitScript((value) => sessionStorage.setItem('swarmbid-key', value), key);
      const page = await context.newPage();
      await page.goto(`${url}/#${shot.view}`);
      await page.getByRole('status', { name: 'Live feed' }).getByText('Live').waitFor();
      await shot.prepare?.(page);
      await page.waitForFunction(
        () => document.querySelector('.loading') === null && document.fonts.status === 'loaded',
      );
      await page.waitForLoadState('networkidle');
      const session = await context.newCDPSession(page);
      const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
      const file = path.join(FOLDER, `${shot.name}-${size}-${colorScheme}.webp`);
      await writeFile(file, Buffer.from(data, 'base64'));
      await context.close();
    }
  }
  console.log(shot.name);
}

await ensureDashboard();
await mkdir(FOLDER, { recursive: true });
const market = await startDemoMarket(process.env, { dataDir: undefined, serve: false, model: false });
const browser = await startBrowser();
try {
  const { key, client, task, workflow } = await fill(market.url, market.token);
  for (const shot of shotsOf(client, task, workflow)) await shoot(browser, market.url, key, shot);
} finally {
  await browser.close();
  await market.stop();
}
