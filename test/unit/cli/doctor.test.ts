import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ScriptedModelServer } from '../../../src/agents/thinking/scripted-model-server.ts';
import { startFakeMarketServer, type FakeAnswer, type FakeMarketServer } from '../../support/fake-market-server.ts';
import { closedAddress, runCommand } from '../../support/run-command.ts';

let server: FakeMarketServer | undefined;
let nobody = '';
beforeAll(async () => {
  nobody = await closedAddress();
});
let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-cli-'));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(directory, { recursive: true, force: true });
});

const run = (argv: string[], world: { stdin?: string; env?: NodeJS.ProcessEnv } = {}) =>
  runCommand(argv, { ...world, env: { SWARMBID_URL: server?.url ?? nobody, ...world.env } });

const serve = async (answers: Record<string, FakeAnswer>) => {
  const missing: FakeAnswer = { status: 404, body: { code: 'NOT_FOUND', detail: 'there is no such thing' } };
  server = await startFakeMarketServer(({ method, path: route }) => answers[`${method} ${route}`] ?? missing);
};

describe('doctor', () => {
  test('all well without a server to ask: exit 0, each check ok', async () => {
    const { exitCode, stdout } = await run(['doctor', '--no-server', '--json'], {
      env: { SWARMBID_DATA_DIR: directory },
    });
    const report = JSON.parse(stdout) as { ok: boolean; checks: { name: string; ok: boolean }[] };
    expect(report.checks.filter((check) => !check.ok)).toEqual([]);
    expect(exitCode).toBe(0);
  });

  test('stores that do not answer and a server that does not run: exit 1, each with how to mend it, no password shown', async () => {
    const env = {
      DATABASE_URL: `postgres://u:hidden-password@${new URL(nobody).host}/db`,
      REDIS_URL: `redis://:hidden-password@${new URL(nobody).host}`,
    };
    const { exitCode, stdout } = await run(['doctor'], { env });
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/FAIL {2}PostgreSQL .*127\.0\.0\.1:\d+.*\n +→ Start PostgreSQL/);
    expect(stdout).toMatch(/FAIL {2}Redis .*127\.0\.0\.1:\d+.*\n +→ Start Redis/);
    expect(stdout).toMatch(/FAIL {2}Server .*\n +→ Start it with `npm start`/);
    expect(stdout).not.toContain('hidden-password');
  });

  test('a model server that answers is well, and one that lacks the model, or is not there, says how to mend it', async () => {
    const model = await ScriptedModelServer.start(() => ({ text: '' }));
    const check = async (env: NodeJS.ProcessEnv) =>
      (await run(['doctor', '--no-server'], { env: { SWARMBID_DATA_DIR: directory, ...env } })).stdout;
    try {
      const well = await check({ OPENAI_BASE_URL: model.baseUrl });
      expect(well).toMatch(/ok {4}Model .*1 model; scripted will be used/);
      expect(well).toMatch(/ok {4}Ollama .*scripted pulled/);
      expect(await check({ OPENAI_BASE_URL: model.baseUrl, OPENAI_MODEL: 'other' })).toMatch(
        /FAIL {2}Model .*without other\n +→ Set OPENAI_MODEL to one of: scripted/,
      );
      expect(await check({ OPENAI_BASE_URL: `${nobody}/v1` })).toMatch(/FAIL {2}Model .*\n +→ Start the model server/);
    } finally {
      await model.stop();
    }
  });

  test('faults of the environment are a failed check, not an error', async () => {
    const { exitCode, stdout } = await run(['doctor', '--no-server'], { env: { PORT: 'x' } });
    expect(exitCode).toBe(1);
    expect(stdout).toContain('PORT');
  });

  test('a server that is not ready fails, with what it says of its stores', async () => {
    await serve({ 'GET /readyz': { status: 503, body: { redis: 'connection refused' } } });
    const { exitCode, stdout } = await run(['doctor'], { env: { SWARMBID_DATA_DIR: directory } });
    expect(exitCode).toBe(1);
    expect(stdout).toContain('connection refused');
  });
});
