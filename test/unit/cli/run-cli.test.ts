import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startFakeMarketServer, type FakeAnswer, type FakeMarketServer } from '../../support/fake-market-server.ts';
import packageDocument from '../../../package.json' with { type: 'json' };
import type { Command } from 'commander';
import { createProgram } from '../../../src/cli/program.ts';
import { closedAddress, runCommand } from '../../support/run-command.ts';

const TASK_ID = '01936f0e-7a3c-7000-8000-000000000000';
/** Every command of the program, also those below others. */
const COMMANDS = commandsBelow(createProgram({ streams: {} as never, exitWith: () => undefined }));

function commandsBelow(command: Command): string[][] {
  return command.commands.flatMap((one) => [
    [one.name()],
    ...commandsBelow(one).map((names) => [one.name(), ...names]),
  ]);
}

let server: FakeMarketServer | undefined;
let nobody = '';
beforeAll(async () => {
  nobody = await closedAddress();
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const run = (argv: string[], world: { stdin?: string; env?: NodeJS.ProcessEnv } = {}) =>
  runCommand(argv, { ...world, env: { SWARMBID_URL: server?.url ?? nobody, ...world.env } });

const serve = async (answers: Record<string, FakeAnswer>) => {
  const missing: FakeAnswer = { status: 404, body: { code: 'NOT_FOUND', detail: 'there is no such thing' } };
  server = await startFakeMarketServer(({ method, path: route }) => answers[`${method} ${route}`] ?? missing);
};

describe('help and usage', () => {
  test.each(COMMANDS.map((words) => [words.join(' '), words] as const))(
    '%s --help shows examples and the global options, exit 0',
    async (_name, words) => {
      const { exitCode, stdout } = await run([...words, '--help']);
      expect(exitCode).toBe(0);
      expect(stdout).toContain('Examples:');
      expect(stdout).toContain('--json');
      expect(stdout).toMatch(/\$ (?:\w+=\S+ |source <\()?(?:\w+=\S+ |echo .* \| )?swarmbid /);
    },
  );

  test('--version prints that of the package, exit 0', async () => {
    const { exitCode, stdout } = await run(['--version']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`${packageDocument.version}\n`);
  });

  test.each([
    ['no command', []],
    ['an unknown command', ['assign']],
    ['an unknown option', ['agents', '--fast']],
    ['a missing argument', ['watch']],
    ['a superfluous argument', ['award', 'a', 'b']],
    ['keys create without a role', ['keys', 'create']],
    ['an unknown role', ['keys', 'create', '--role', 'king']],
    ['a limit of 0', ['reputation', '--limit', '0']],
    ['a limit of 201', ['reputation', '--limit', '201']],
    ["a ledger's option for the leaderboard", ['reputation', '--from', '2026-01-01']],
    ["a leaderboard's option for a ledger", ['reputation', 'finance', '--skill', 'seo']],
    ['an address without a scheme', ['agents', '--url', '127.0.0.1:3000']],
    ['an address that is not of HTTP', ['agents', '--url', 'ftp://127.0.0.1']],
    ['a file that does not exist', ['submit', '/no/such/file.json']],
    ['agents without the role agents', ['up', '--roles', 'api', '--agents', 'none']],
    ['a file of agents that does not exist', ['up', '--agents', '/no/such/agents.ts']],
  ])('%s: exit 2, the reason on stderr, nothing on stdout', async (_name, argv) => {
    const { exitCode, stdout, stderr } = await run(argv);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).not.toBe('');
  });

  test('a port that is none: exit 2, and stderr names --port, which was typed, not PORT', async () => {
    const { exitCode, stdout, stderr } = await run(['up', '--port', '70000']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('--port "70000"');
    expect(stderr).not.toContain('PORT=');
  });

  test('wrong usage with --json: one JSON document names it', async () => {
    const { exitCode, stdout } = await run(['agents', '--fast', '--json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'WRONG_USAGE' } });
  });

  test('faults of the environment: exit 2, and each is named', async () => {
    const { exitCode, stderr } = await run(['migrate'], { env: { PORT: 'x', LEASE_MS: '1' } });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('PORT');
    expect(stderr).toContain('LEASE_MS');
  });
});

describe('the server', () => {
  test.each([['watch', 'x'], ['agents'], ['reputation'], ['award', 'x'], ['keys', 'list']])(
    '%s: not reachable is exit 3, and stderr says how to start one',
    async (...argv) => {
      const { exitCode, stdout, stderr } = await run(argv);
      expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
      expect(stderr).toContain('npm start');
      expect(stderr).toContain(nobody);
    },
  );

  test('--url and --token win over SWARMBID_URL and SWARMBID_TOKEN', async () => {
    await serve({ 'GET /v1/agents?limit=200': { body: { items: [], nextCursor: null } } });
    const env = { SWARMBID_URL: nobody, SWARMBID_TOKEN: 'sb_env' };
    const { exitCode } = await run(['agents', '--url', server?.url ?? '', '--token', 'sb_option'], { env });
    expect(exitCode).toBe(0);
    expect(server?.requests[0]?.headers.authorization).toBe('Bearer sb_option');
  });

  test('without --url and SWARMBID_URL, HOST and PORT of the environment name it, any address meaning this machine', async () => {
    await serve({ 'GET /v1/agents?limit=200': { body: { items: [], nextCursor: null } } });
    const env = { SWARMBID_URL: '', HOST: '0.0.0.0', PORT: new URL(server?.url ?? '').port };
    expect((await run(['agents'], { env })).exitCode).toBe(0);
  });

  test('what does not exist is exit 1, with the code', async () => {
    await serve({});
    const { exitCode, stderr } = await run(['award', TASK_ID]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('NOT_FOUND');
  });

  test('a list of several pages is read to its end', async () => {
    const item = {
      id: 'a',
      tier: 'Expert',
      reputation: 115,
      loadPercent: 0,
      healthy: true,
      status: 'active',
      pool: 'p',
      replicas: [],
      skills: ['seo'],
    };
    await serve({
      'GET /v1/agents?limit=200': { body: { items: [item], nextCursor: 'next' } },
      'GET /v1/agents?limit=200&cursor=next': { body: { items: [{ ...item, id: 'b' }], nextCursor: null } },
    });
    const { stdout } = await run(['agents', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ id: 'a' }, { id: 'b' }], nextCursor: null });
  });
});
