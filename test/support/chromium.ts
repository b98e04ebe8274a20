import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type BrowserContext, type BrowserContextOptions } from 'playwright-core';
import { installWithApt, works } from './installed.ts';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome'];
/** Nothing that asks the network of its own, and no sandbox, which needs rights that root in a container has not. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--hide-scrollbars',
];

/** The command of a Chromium on PATH: where there is none, installed by apt when that is possible. */
export async function ensureChromium(): Promise<string> {
  const found = (await installed()) ?? (await installWithApt('chromium').then(installed));
  if (found !== undefined) return found;
  throw new Error(
    'chromium is needed on PATH for the dashboard’s tests: install it with "apt-get install chromium", ' +
      '"dnf install chromium" or "brew install chromium"',
  );
}

async function installed(): Promise<string | undefined> {
  for (const command of COMMANDS) if (await works(command, ['--version'])) return command;
  return undefined;
}

export interface TestBrowser {
  /** A window with storage and cookies of its own. */
  newContext(options?: BrowserContextOptions): Promise<BrowserContext>;
  close(): Promise<void>;
}

export async function startBrowser(): Promise<TestBrowser> {
  const executablePath = await absolutePath(await ensureChromium());
  const home = await mkdtemp(path.join(tmpdir(), 'swarmbid-chromium-'));
  const browser = await chromium.launch({
    executablePath,
    args: FLAGS,
    // its crash reports and caches belong to this run
    env: { ...definedOnly(process.env), HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
  });
  return {
    newContext: (options) => browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options }),
    close: async () => {
      await browser.close();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function absolutePath(command: string): Promise<string> {
  const { access } = await import('node:fs/promises');
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const candidate = path.join(folder, command);
    if (
      await access(candidate).then(
        () => true,
        () => false,
      )
    )
      return candidate;
  }
  throw new Error(`${command} is not on PATH`);
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
