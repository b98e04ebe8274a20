import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

const ROOT = path.resolve(import.meta.dirname, '..');
const PROGRAM = path.join(ROOT, 'src/bin/swarmbid.ts');
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

export interface MarketProcess {
  /** As Compose names containers: `api-1`. */
  name: string;
  pid: number;
  /** Where it answers `/healthz`. */
  url: string;
  /** Resolves with the exit code when the process has ended, 128 or more for a signal. */
  ended: Promise<number>;
  /** Asks it to end, and makes it after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export interface ProcessOptions {
  name: string;
  /** Arguments of `swarmbid`. */
  args: string[];
  /** Holds HOST and PORT. */
  env: NodeJS.ProcessEnv;
  onLine: (name: string, line: string) => void;
}

/** Starts one process of the market. It may still be starting: `awaitHealthy` tells when it answers. */
export async function startMarketProcess(options: ProcessOptions): Promise<MarketProcess> {
  const { name, args, env, onLine } = options;
  // A process group of its own: Ctrl-C reaches us alone, and we stop the market before its stores.
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const closed = once(child, 'close') as Promise<[number | null]>;
  await once(child, 'spawn');
  for (const stream of [child.stdout, child.stderr]) copyLines(stream, (line) => onLine(name, line));
  const ended = closed.then(([code]) => {
    process.off('exit', killWithUs);
    return code ?? 128;
  });
  return {
    name,
    pid: child.pid ?? 0,
    url: `http://${env['HOST'] ?? '127.0.0.1'}:${env['PORT'] ?? '3000'}`,
    ended,
    stop: async (graceMs) => {
      child.kill('SIGTERM');
      const impatience = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(impatience);
    },
  };
}

function copyLines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream }).on('line', onLine);
}

/** @throws Error when the process ends, or does not answer `/readyz` within a minute */
export async function awaitReady(market: MarketProcess): Promise<void> {
  let endedWith: number | undefined;
  void market.ended.then((code) => (endedWith = code));
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += POLL_MS) {
    if (endedWith !== undefined) throw new Error(`${market.name} ended with code ${endedWith} while starting`);
    if (await answers(`${market.url}/readyz`)) return;
    await delay(POLL_MS);
  }
  throw new Error(`${market.name} was not ready at ${market.url}/readyz within ${START_TIMEOUT_MS} ms`);
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (answer) => answer.ok,
    () => false,
  );
}
