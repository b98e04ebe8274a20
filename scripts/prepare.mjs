// Part of `npm ci`: builds the dashboard. Plain JavaScript, and no failure without the tools that only developers
// install: an installation with --omit=dev has the API, and a page at `/` that says what is missing.
import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

const root = new URL('..', import.meta.url);
const installed = existsSync(new URL('node_modules/vite', root)) && existsSync(new URL('src/dashboard', root));
if (installed) {
  const { status } = spawnSync('npm', ['run', '--silent', 'build:dashboard'], { cwd: root, stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
