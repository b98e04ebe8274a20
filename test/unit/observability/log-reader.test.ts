import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const LOGGER = pathToFileURL(path.resolve(import.meta.dirname, '../../../src/observability/logger.ts')).href;

test('a process whose log nobody reads any more can still end', async () => {
  const script = `
    const { createLogger } = await import(${JSON.stringify(LOGGER)});
    const logger = createLogger('info');
    process.stdin.once('data', () => {
      logger.warn('to nobody');
      logger.warn('to nobody either');
      process.exit(3);
    });
    console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.stderr.destroy();
  await once(child.stderr, 'close');
  child.stdin.write('end\n');
  expect(await once(child, 'exit')).toEqual([3, null]);
});
