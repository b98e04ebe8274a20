import { afterEach, describe, expect, test } from 'vitest';
import { startFakeMarketServer, type FakeAnswer, type FakeMarketServer } from '../../support/fake-market-server.ts';
import { receiptRound, scoredBid } from '../../support/receipt-fixture.ts';
import { runCommand } from '../../support/run-command.ts';

const TASK_ID = '01936f0e-7a3c-7000-8000-000000000000';
const at = '2026-01-01T00:00:00.000Z';

let server: FakeMarketServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

const run = (argv: string[], world: { stdin?: string; env?: NodeJS.ProcessEnv } = {}) =>
  runCommand(argv, { ...world, env: { SWARMBID_URL: server?.url, ...world.env } });

const serve = async (answers: Record<string, FakeAnswer>) => {
  const missing: FakeAnswer = { status: 404, body: { code: 'NOT_FOUND', detail: 'there is no such thing' } };
  server = await startFakeMarketServer(({ method, path: route }) => answers[`${method} ${route}`] ?? missing);
};

describe('award', () => {
  const bid = scoredBid({
    agentId: 'finance',
    rank: 1,
    skills: ['finance', 'budgeting'],
    reputation: 107,
    skillMatch: 100 / 3,
    loadPercent: 25,
  });
  const round = receiptRound([bid], {
    passes: [{ agentId: 'support', reason: 'OUT_OF_DOMAIN' }],
    passCounts: { OUT_OF_DOMAIN: 1, NO_SKILL: 12 },
    silentPools: ['asleep'],
    teamSteps: [{ agentId: 'finance', action: 'take', skills: ['finance'] }],
    awards: [{ subtaskId: `${TASK_ID}-0`, agentId: 'finance', epoch: 2, attempt: 1 }],
    uncoveredSkills: ['seo'],
  });
  const receiptOf = (...rounds: unknown[]) => ({
    [`GET /v1/tasks/${TASK_ID}/award`]: { body: { taskId: TASK_ID, rounds } },
  });

  test('shows every product and the score, passes, silence, team, awards and what stayed uncovered; exit 0', async () => {
    await serve(receiptOf(round));
    const { exitCode, stdout } = await run(['award', TASK_ID]);
    expect(exitCode).toBe(0);
    for (const text of [
      '107 × 0.4 = 42.8',
      '33.3333 × 0.4 = 13.3333',
      '75 × 0.2 = 15',
      '71.1333',
      'support (OUT_OF_DOMAIN)',
      '12 × NO_SKILL',
      'Silent pools: asleep',
      '1. take finance: finance',
      '#0 → finance, attempt 1, epoch 2',
      'Uncovered skills: seo',
    ]) {
      expect(stdout).toContain(text);
    }
    expect(stdout).not.toContain('MISMATCH');
  });

  test('a score that does not follow from its values is marked, and the exit code is 1', async () => {
    await serve(receiptOf({ ...round, bids: [{ ...bid, score: 90 }] }));
    const { exitCode, stdout } = await run(['award', TASK_ID]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('MISMATCH finance: score is stated as 90, computed as 71.133333');
  });

  test('with --json: the receipt and the mismatches in one document', async () => {
    await serve(receiptOf(round));
    expect(JSON.parse((await run(['award', TASK_ID, '--json'])).stdout)).toEqual({
      taskId: TASK_ID,
      rounds: [round],
      mismatches: [],
    });
  });
});

describe('keys', () => {
  test('create: stdout is the key alone, so that a script can keep it', async () => {
    const key = {
      id: 'k1',
      role: 'submitter',
      name: null,
      ownerId: 'o1',
      createdAt: at,
      revokedAt: null,
      key: 'sb_once',
    };
    await serve({ 'POST /v1/admin/keys': { status: 201, body: key } });
    const argv = ['keys', 'create', '--role', 'submitter', '--owner', 'o1', '--token', 'sb_admin'];
    const { exitCode, stdout } = await run(argv);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'sb_once\n' });
    expect(server?.requests[0]?.body).toEqual({ role: 'submitter', ownerId: 'o1' });
  });

  describe('without a key, at a server that has none yet', () => {
    const none = { 'GET /v1/admin/keys?limit=1': { body: { items: [], nextCursor: null } } };
    const admin = {
      id: 'k1',
      role: 'admin',
      name: null,
      ownerId: 'o1',
      createdAt: at,
      revokedAt: null,
      key: 'sb_once',
    };

    test('create of an admin says that every request needs a key from now on', async () => {
      await serve({ ...none, 'POST /v1/admin/keys': { status: 201, body: admin } });
      const { exitCode, stdout, stderr } = await run(['keys', 'create', '--role', 'admin']);
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'sb_once\n' });
      expect(stderr).toContain('from now on every request needs one');
    });

    test('create of a submitter is not sent, exit 2: nobody could make another key after it', async () => {
      await serve(none);
      const { exitCode, stderr } = await run(['keys', 'create', '--role', 'submitter']);
      expect(exitCode).toBe(2);
      expect(stderr).toContain('the first key must be of role admin');
      expect(server?.requests.map(({ method }) => method)).toEqual(['GET']);
    });
  });

  test("pool: the credential of one pool is made from the market's secret, the same each time, and from no pool's", async () => {
    const make = (secret: string | undefined, pool: string) =>
      run(['keys', 'pool', pool], { env: { POOL_SECRET: secret } });
    const { exitCode, stdout } = await make('the secret of the market', 'acme');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^pool\.acme\.[\w-]{43}\.[\w-]{43}\n$/);
    expect((await make('the secret of the market', 'acme')).stdout).toBe(stdout);
    expect((await make('the secret of the market', 'other')).stdout).not.toContain(stdout.split('.')[3]);
    expect(await make(stdout.trim(), 'other')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await make(undefined, 'acme')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await make('the secret of the market', 'Not a slug')).toMatchObject({ exitCode: 1, stdout: '' });
  });

  test('revoke: asks to delete the key', async () => {
    await serve({ 'DELETE /v1/admin/keys/k1': { status: 204, body: '' } });
    expect((await run(['keys', 'revoke', 'k1', '--json'])).stdout).toContain('"revoked": true');
  });
});
