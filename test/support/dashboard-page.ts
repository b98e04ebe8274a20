import { AxeBuilder } from '@axe-core/playwright';
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import type { TestBrowser } from './chromium.ts';

/** A machine under load is slow; what never comes fails all the same. */
const PATIENCE_MS = 60_000;

export interface DashboardPage {
  page: Page;
  context: BrowserContext;
  /** What the browser reported: scripts that threw, and whatever the content security policy refused. */
  faults: string[];
  /** Goes to a view by its address, as `/tasks`. */
  show(view: string): Promise<void>;
}

/** A window of its own on a dashboard; with a key as if it had been given before. */
export async function openDashboard(
  browser: TestBrowser,
  url: string,
  options: BrowserContextOptions & { key?: string } = {},
): Promise<DashboardPage> {
  const { key, ...contextOptions } = options;
  const context = await browser.newContext(contextOptions);
  context.setDefaultTimeout(PATIENCE_MS);
  if (key !== undefined) await context.addInitScript((value) => sessionStorage.setItem('swarmbid-key', value), key);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) faults.push(message.text());
  });
  await page.goto(url);
  const show = async (view: string) => {
    await page.evaluate((hash) => {
      location.hash = hash;
    }, view);
    await page.locator('main h1').waitFor();
  };
  return { page, context, faults, show };
}

/** What axe finds wrong, in a line each. */
export async function axeViolations(page: Page): Promise<string[]> {
  // legacy: no second page, so nothing else of the context is touched
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')} ${node.html}`));
}
