import { afterEach, describe, expect, test } from 'vitest';
import type { TaskEvent } from '../../../src/contracts/events.ts';
import { startFakeMarketServer, type FakeAnswer, type FakeMarketServer } from '../../support/fake-market-server.ts';
import { roundReceipt } from '../../support/task-fixtures.ts';
import { runCommand } from '../../support/run-command.ts';

const ID = '01936f0e-7a3c-7000-8000-000000000000';
const at = '2026-01-01T00:00:00.000Z';

let server: FakeMarketServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve(answers: Record<string, FakeAnswer>, events: TaskEvent[] = []): Promise<void> {
  const missing: FakeAnswer = { status: 404, body: { code: 'NOT_FOUND', detail: 'there is no such thing' } };
  server = await startFakeMarketServer(({ method, path }) => answers[`${method} ${path.split('?')[0]}`] ?? missing, {
    onWatch: ({ socket, ack }) => {
      ack({ ok: true, status: 'completed', lastSeq: events.length });
      for (const event of events) socket.emit('event', event);
    },
  });
}

const run = (...argv: string[]) => runCommand(argv, { env: { SWARMBID_URL: server?.url } });

const step = (stepId: string, status: string, more: object = {}) => ({ stepId, status, agentId: null, ...more });

const TASK = {
  id: ID,
  status: 'completed',
  warnings: [],
  usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
  subtasks: [
    step('draft', 'accepted', { agentId: 'author', iteration: 2 }),
    step('colour', 'skipped'),
    step('print', 'failed', { error: { code: 'DEPENDENCY_FAILED', message: 'It depends on ink, which failed.' } }),
    step('post', 'pending', { waitsFor: ['print', 'draft'] }),
  ],
  result: {
    taskId: ID,
    success: true,
    contributors: ['author'],
    sections: { writing: { words: 7 }, draft: { words: 7 } },
    warnings: [],
    quality: null,
    durationMs: 10,
    sequentialMs: 20,
    speedup: 2,
  },
};

const happened: [TaskEvent['type'], Record<string, unknown>][] = [
  ['task.accepted', { type: 'leaflet', steps: ['draft', 'colour'] }],
  [
    'task.awarded',
    { awards: [{ subtaskId: `${ID}-0`, agentId: 'author', attempt: 1 }], subtaskId: `${ID}-0`, stepId: 'draft' },
  ],
  ['subtask.started', { subtaskId: `${ID}-0`, stepId: 'draft', skills: ['writing'], agentId: 'author', attempt: 1 }],
  ['subtask.accepted', { subtaskId: `${ID}-0`, stepId: 'draft', agentId: 'author', attempt: 1 }],
  ['subtask.reassigned', { subtaskId: `${ID}-0`, stepId: 'draft', reason: 'SENT_BACK', iteration: 2 }],
  ['subtask.skipped', { subtaskId: `${ID}-1`, stepId: 'colour', reason: 'CONDITION' }],
  ['task.escalated', { stepId: 'check', reason: 'REVIEW_EXHAUSTED', message: '"check" did not approve "draft".' }],
  [
    'subtask.failed',
    { subtaskId: `${ID}-0`, stepId: 'draft', attempt: 1, outcome: 'market_failure', code: 'REVIEW_EXHAUSTED' },
  ],
  ['task.completed', {}],
];

describe('watch', () => {
  test('names steps, says what was sent back, skipped and asked, and lists each step at the end with its one section', async () => {
    const events = happened.map(([type, data], i): TaskEvent => ({ seq: i + 1, taskId: ID, type, at, data }));
    await serve({ [`GET /v1/tasks/${ID}`]: { body: TASK } }, events);
    // It ends by itself: no change of reputation is waited for when none is owed.
    const { stdout, exitCode } = await run('watch', ID);
    expect(exitCode).toBe(0);
    for (const line of [
      /accepted {4}leaflet · steps draft, colour/,
      /award {7}#0 draft → author/,
      /started {5}#0 draft · author/,
      /again {7}#0 draft · iteration 2 · SENT_BACK/,
      /skipped {5}#1 colour · its condition does not hold/,
      /escalated {3}a person must decide · REVIEW_EXHAUSTED · "check" did not approve "draft"\./,
      /^ {2}draft {3}accepted {3}author · iteration 2$/m,
      /^ {2}colour {2}skipped$/m,
      /^ {2}print {3}failed {5}DEPENDENCY_FAILED: It depends on ink, which failed\.$/m,
      /^ {2}post {4}pending {4}waits for print, draft$/m,
      /^ {2}draft\n {4}words 7$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(stdout).not.toMatch(/^ {2}writing$/m);
  });
});

test('award names the step of each round', async () => {
  const round = { ...roundReceipt(1), subtaskId: `${ID}-0`, stepId: 'draft', outcome: 'awarded', awards: [] };
  await serve({ [`GET /v1/tasks/${ID}/award`]: { body: { taskId: ID, rounds: [round] } } });
  expect((await run('award', ID)).stdout).toContain('Round 1 · #0 step draft · policy weighted');
});

test('messages prints one line for each, without what would move the cursor', async () => {
  const message = {
    id: '1',
    subtaskId: `${ID}-0`,
    from: 'author',
    to: null,
    topic: 'news\u001b[2J',
    data: { n: 1 },
    at,
  };
  await serve({ [`GET /v1/tasks/${ID}/messages`]: { body: { items: [message], nextCursor: null } } });
  expect((await run('messages', ID)).stdout).toBe(`${at}  author → the team · news [2J · {"n":1}\n`);
  expect(JSON.parse((await run('messages', ID, '--json')).stdout)).toEqual({ items: [message] });
});

describe('decide', () => {
  test('sends the decision, and what was given with it', async () => {
    await serve({ [`POST /v1/tasks/${ID}/decision`]: { body: { ...TASK, status: 'running' } } });
    const { stdout } = await run(
      'decide',
      ID,
      'choose',
      '--choice',
      'again',
      '--note',
      'shorter',
      '--subtask',
      `${ID}-1`,
    );
    expect(stdout).toContain(`Task ${ID} running`);
    const wanted = { decision: 'choose', choice: 'again', note: 'shorter', subtaskId: `${ID}-1` };
    expect(server?.requests.at(-1)?.body).toEqual(wanted);
  });

  test('another word than approve, reject and choose is wrong usage: exit 2, and nothing is sent', async () => {
    await serve({});
    expect((await run('decide', ID, 'maybe')).exitCode).toBe(2);
    expect(server?.requests).toEqual([]);
  });
});
