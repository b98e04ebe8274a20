import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfig, type Config } from '../config.ts';
import type { DemoModel } from '../demo-model.ts';

export interface DemoMarket {
  url: string;
  token: string | undefined;
  /** Ends the market and removes its temporary files; may be called twice. */
  stop(): Promise<void>;
}

export interface DemoMarketOptions {
  /** Kept afterwards. Undefined: a temporary one, removed at the end. */
  dataDir: string | undefined;
  /** True: on the configured HOST and PORT; else on any free port of this machine alone. */
  serve: boolean;
  /** True: the agents think, and a scripted server answers. */
  model: boolean;
}

/** A whole market of its own in this process, whatever stores the environment names: a demonstration touches no real ones. */
export async function startDemoMarket(env: NodeJS.ProcessEnv, options: DemoMarketOptions): Promise<DemoMarket> {
  const dataDir = options.dataDir ?? (await makeTemporaryDir());
  const model = options.model ? await startDemoModel() : undefined;
  const removeFiles = async () => {
    await model?.stop();
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const config = demoConfig(env, dataDir, options.serve, model?.baseUrl ?? '');
    const { createApp } = await import('../app.ts');
    const app = await createApp(config);
    let stopped: Promise<void> | undefined;
    const stop = () => (stopped ??= app.stop().then(removeFiles));
    const url = await app.start().then(
      (started) => started.url,
      async (error: unknown) => {
        await stop();
        throw error;
      },
    );
    if (url === null) throw new Error('the market started without its API');
    return { url, token: config.adminKey, stop };
  } catch (error) {
    await removeFiles();
    throw error;
  }
}

async function startDemoModel(): Promise<DemoModel> {
  const demoModel = await import('../demo-model.ts');
  return demoModel.startDemoModel();
}

/** Open to be entered: as root, PostgreSQL's files belong to another user, and `mkdtemp` shuts all others out. */
async function makeTemporaryDir(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-demo-'));
  await chmod(directory, 0o755);
  return directory;
}

/** @param modelUrl empty: the agents work by rules, whatever the environment names */
function demoConfig(env: NodeJS.ProcessEnv, dataDir: string, serve: boolean, modelUrl: string): Config {
  const ownAddress = serve ? {} : { HOST: '127.0.0.1', PORT: '0' };
  const stores = { DATABASE_URL: '', DATABASE_MIGRATION_URL: '', REDIS_URL: '', REDIS_TLS_CA_FILE: '' };
  const tls = { TLS_CERT_FILE: '', TLS_KEY_FILE: '' };
  const unset = { ...stores, ...tls, SWARMBID_ROLES: '', SWARMBID_POOL: '' };
  const logLevel = env.LOG_LEVEL === undefined || env.LOG_LEVEL === '' ? 'warn' : env.LOG_LEVEL;
  const model = { OPENAI_BASE_URL: modelUrl, OPENAI_API_KEY: '', OPENAI_MODEL: '' };
  return readConfig({ ...env, ...unset, ...ownAddress, ...model, SWARMBID_DATA_DIR: dataDir, LOG_LEVEL: logLevel });
}
