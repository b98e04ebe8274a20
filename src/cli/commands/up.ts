import closeWithGrace from 'close-with-grace';
import type { Command } from 'commander';
import type { App } from '../../app.ts';
import { readConfig, type CommandOption, type Config } from '../../config.ts';
import type { AgentDefinition } from '../../contracts/agent-definition.ts';
import { onAction, withExamples, type CommandHost } from '../command.ts';
import { UsageError, type ExitCode } from '../exit-codes.ts';
import { formatList } from '../format.ts';
import { loadAgents } from '../load-agents.ts';
import type { Session } from '../session.ts';

/** Beyond the time to drain: for work to be handed back and connections to be closed. */
const GRACE_MS = 5_000;
const PARENT_CHECK_MS = 1_000;

interface UpOptions {
  roles?: string;
  agents?: string[];
  host?: string;
  port?: string;
  pool?: string;
}

export function addUpCommand(program: Command, host: CommandHost): void {
  const command = program
    .command('up')
    .description('start the market: embedded, or on DATABASE_URL and REDIS_URL where these are set')
    .option('--roles <roles>', 'what this process does, of api,orchestrator,agents (env SWARMBID_ROLES; default: all)')
    .option('--agents <files...>', 'modules that export the agents to serve, or none (default: the built-in agents)')
    .option('--host <host>', 'address to listen on (env HOST; default 127.0.0.1)')
    .option('--port <port>', 'port to listen on, 0 for any free one (env PORT; default 3000)')
    .option('--pool <pool>', 'name of the pool of the agents served here (env SWARMBID_POOL)');
  withExamples(
    command,
    'swarmbid up',
    'swarmbid up --port 3001 --agents ./my-agents.ts',
    'DATABASE_URL=postgres://… REDIS_URL=redis://… swarmbid up --roles api,orchestrator',
  );
  onAction<UpOptions>(host, command, async (session, options) => {
    const config = readConfig(host.streams.env, settingsOf(options));
    if (options.agents !== undefined && !config.roles.includes('agents')) {
      throw new UsageError(`--agents needs the role "agents"; the roles are ${config.roles.join(',')}`);
    }
    const agents = options.agents === undefined ? undefined : await loadAgents(options.agents);
    return serve(session, config, agents);
  });
}

/** Options win over the environment, and are checked as that is. */
function settingsOf({ roles, host, port, pool }: UpOptions): CommandOption[] {
  return [
    { variable: 'SWARMBID_ROLES', flag: '--roles', value: roles },
    { variable: 'HOST', flag: '--host', value: host },
    { variable: 'PORT', flag: '--port', value: port },
    { variable: 'SWARMBID_POOL', flag: '--pool', value: pool },
  ].flatMap(({ value, ...setting }) => (value === undefined ? [] : [{ ...setting, value }]));
}

/** Stays until a signal ends the process. */
async function serve(session: Session, config: Config, agents: AgentDefinition[] | undefined): Promise<ExitCode> {
  const { createApp } = await import('../../app.ts');
  const app = await createApp(config, agents === undefined ? {} : { agents });
  const grace = closeWithGrace({ delay: 2 * config.drainMs + GRACE_MS, logger: false }, async ({ err }) => {
    if (err !== undefined)
      session.note(`The market stops, for an error that nobody caught: ${err.stack ?? err.message}`);
    await app.stop();
  });
  endWithParent(session.streams.env, () => grace.close());
  const { url } = await startOrExplain(app, config).catch((error: unknown) => {
    grace.uninstall();
    throw error;
  });
  session.note(...renderBanner(config, url, agents));
  session.printDocument({
    url,
    mode: modeOf(config),
    roles: config.roles,
    agents: agents?.map((agent) => agent.id) ?? null,
  });
  return new Promise<ExitCode>(() => undefined);
}

/** npm passes no signal on: a market that it started ends when it has ended. */
function endWithParent(env: NodeJS.ProcessEnv, end: () => void): void {
  if (env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    end();
  }, PARENT_CHECK_MS);
  watch.unref();
}

async function startOrExplain(app: App, config: Config): Promise<{ url: string | null }> {
  try {
    return await app.start();
  } catch (error) {
    await app.stop();
    if (!isPortInUse(error)) throw error;
    throw new Error(
      `Port ${config.port} on ${config.host} is in use. Choose another with --port or PORT, or end what listens there.`,
      {
        cause: error,
      },
    );
  }
}

function isPortInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

function modeOf(config: Config): 'embedded' | 'distributed' {
  return config.databaseUrl === undefined ? 'embedded' : 'distributed';
}

/** What a person wants to know at the start; on stderr, so that stdout stays for JSON. */
function renderBanner(config: Config, url: string | null, agents: readonly AgentDefinition[] | undefined): string[] {
  const stores =
    modeOf(config) === 'embedded'
      ? `embedded (PostgreSQL under ${config.dataDir})`
      : `distributed (${config.redisUrl === undefined ? 'PostgreSQL' : 'PostgreSQL and Redis'})`;
  const served = agents === undefined ? 'the built-in agents' : formatList(agents.map((agent) => agent.id));
  const lines = ['', 'Swarmbid is up.', `  mode    ${stores}`, `  roles   ${config.roles.join(', ')}`];
  if (config.roles.includes('agents')) lines.push(`  agents  ${served}`);
  if (url !== null) lines.push(`  open    ${url} (the dashboard)`, `  API     ${url}/v1`, `  docs    ${url}/docs`);
  return [...lines, 'Ctrl+C ends it.', ''];
}
