import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.resolve(import.meta.dirname, '../..');
export const DASHBOARD = path.join(ROOT, 'dist/dashboard');
const SOURCES = ['src/dashboard', 'src/sdk', 'src/contracts', 'package-lock.json'];

/** Builds the dashboard where its sources are newer: `npm ci` has built it, and an edit since then has made that old. */
export async function ensureDashboard(): Promise<void> {
  const changedAtMs = Math.max(...(await Promise.all(SOURCES.map((source) => newest(path.join(ROOT, source))))));
  const builtAtMs = await newest(path.join(DASHBOARD, 'index.html')).catch(() => 0);
  if (builtAtMs >= changedAtMs) return;
  await promisify(execFile)('npm', ['run', '--silent', 'build:dashboard'], { cwd: ROOT });
}

async function newest(place: string): Promise<number> {
  const found = await stat(place);
  if (!found.isDirectory()) return found.mtimeMs;
  const names = await readdir(place, { recursive: true });
  const times = await Promise.all(names.map(async (name) => (await stat(path.join(place, name))).mtimeMs));
  return Math.max(...times);
}
