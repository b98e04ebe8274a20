import { readFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * The URL of the embedded server that another process of this machine runs under `dataDir`; null if none seems to run.
 * Only who may read the password file there (mode 0600) can join it.
 */
export async function runningEmbeddedUrl(dataDir: string): Promise<string | null> {
  const rootDir = path.resolve(dataDir, 'postgres');
  try {
    const password = (await readFile(path.join(rootDir, 'password'), 'utf8')).trim();
    const lines = (await readFile(path.join(rootDir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n');
    const port = Number(lines[3]);
    if (!Number.isInteger(port) || port <= 0) return null;
    return `postgresql://swarmbid:${encodeURIComponent(password)}@127.0.0.1:${port}/swarmbid`;
  } catch {
    return null;
  }
}
