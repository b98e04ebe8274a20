import { readFileSync } from 'node:fs';

/** The version in package.json, which lies above the sources, and one folder further above the built package's. */
export function packageVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    const file = new URL(place, import.meta.url);
    try {
      return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  throw new Error('package.json is not to be found: the installation is incomplete');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
