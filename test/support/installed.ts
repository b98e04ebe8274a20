import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export async function works(command: string, args: string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}

/** Installs a Debian package where that is possible: as root, with apt. Without it, nothing happens. */
export async function installWithApt(debianPackage: string): Promise<void> {
  const canInstall = process.getuid?.() === 0 && (await works('apt-get', ['--version']));
  if (!canInstall) return;
  process.stderr.write(`${debianPackage} is missing: installing it with apt-get\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { env });
  // RUNLEVEL: a service of its own would start a server that nobody asked for
  const options = { env: { ...env, RUNLEVEL: '1' }, maxBuffer: 64 * 1024 * 1024 };
  await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', debianPackage], options);
}
