import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { substituteDir } from './postgres-programs.ts';

/**
 * The URL of the embedded server that another process of this machine runs for `dataDir`; null if none seems to run.
 * Only who may read the password file there (mode 0600) can join it.
 */
export async function runningEmbeddedUrl(dataDir: string): Promise<string | null> {
  const absolute = path.resolve(dataDir);
  return (await urlUnder(absolute)) ?? (await urlUnder(substituteDir(absolute)));
}

async function urlUnder(directory: string): Promise<string | null> {
  const rootDir = path.join(directory, 'postgres');
  try {
    const password = (await readFile(path.join(rootDir, 'password'), 'utf8')).trim();
    const pidFile = await readFile(path.join(rootDir, 'cluster', 'postmaster.pid'), 'utf8');
    const port = Number(pidFile.split('\n')[3]);
    if (!Number.isInteger(port) || port <= 0) return null;
    return `postgresql://swarmbid:${encodeURIComponent(password)}@127.0.0.1:${port}/swarmbid`;
  } catch {
    return null;
  }
}
