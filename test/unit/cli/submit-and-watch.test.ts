import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../src/cli/run-cli.ts';
import type { TaskEvent } from '../../../src/contracts/events.ts';
import {
  startFakeMarketServer,
  type FakeAnswer,
  type FakeFeed,
  type FakeMarketServer,
} from '../../support/fake-market-server.ts';
import { runCommand } from '../../support/run-command.ts';

const TASK_ID = '01936f0e-7a3c-7000-8000-000000000000';

let server: FakeMarketServer | undefined;
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
  runCommand(argv, { ...world, env: { SWARMBID_URL: server?.url, ...world.env } });

const serve = async (answers: Record<string, FakeAnswer>, feed?: FakeFeed) => {
  const missing: FakeAnswer = { status: 404, body: { code: 'NOT_FOUND', detail: 'there is no such thing' } };
  server = await startFakeMarketServer(({ method, path: route }) => answers[`${method} ${route}`] ?? missing, feed);
};

const TASK = {
  id: TASK_ID,
  status: 'completed',
  warnings: [],
  usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
  result: {
    taskId: TASK_ID,
    success: true,
    contributors: ['finance'],
    sections: { finance: { allocated: 50_000 } },
    warnings: [],
    quality: 100,
    durationMs: 10,
    sequentialMs: 20,
    speedup: 2,
  },
};

const at = '2026-01-01T00:00:00.000Z';
const EVENTS: TaskEvent[] = [
  { seq: 1, taskId: TASK_ID, type: 'task.accepted', at, data: { type: 'report' } },
  {
    seq: 2,
    taskId: TASK_ID,
    type: 'subtask.accepted',
    at,
    data: { subtaskId: `${TASK_ID}-0`, attempt: 1, agentId: 'finance' },
  },
  { seq: 3, taskId: TASK_ID, type: 'task.completed', at, data: {} },
  {
    seq: 4,
    taskId: TASK_ID,
    type: 'reputation.changed',
    at,
    data: { agentId: 'finance', before: 100, after: 107, delta: 7 },
  },
];

const feedOf = (events: readonly TaskEvent[], status: string): FakeFeed => ({
  onWatch: ({ socket, ack }) => {
    ack({ ok: true, status, lastSeq: events.length });
    for (const event of events) socket.emit('event', event);
  },
});

describe('submit', () => {
  const accepted = { 'POST /v1/tasks': { status: 202, body: { ...TASK, status: 'accepted' } } };

  test('from standard input: prints the id and how to watch, exit 0', async () => {
    await serve(accepted);
    const { exitCode, stdout } = await run(['submit', '-'], { stdin: '{"type": "report"}' });
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`swarmbid watch ${TASK_ID}`);
    expect(server?.requests[0]?.body).toEqual({ type: 'report' });
  });

  test('from a file with --json: stdout is the task as one JSON document', async () => {
    await serve(accepted);
    const file = path.join(directory, 'task.json');
    await writeFile(file, '{"type": "report"}');
    const { stdout } = await run(['submit', file, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ id: TASK_ID });
  });

  test.each(['', '{"type": "report"', 'report'])(
    'input that is not JSON (%j): exit 2, and nothing is sent',
    async (stdin) => {
      await serve(accepted);
      expect((await run(['submit', '-'], { stdin })).exitCode).toBe(2);
      expect(server?.requests).toEqual([]);
    },
  );

  test('a wrong field: exit 2, and each fault of the problem document is listed', async () => {
    const errors = [
      { path: 'type', message: 'must be a slug' },
      { path: 'rules.0.expression', message: 'does not parse' },
    ];
    await serve({
      'POST /v1/tasks': { status: 400, body: { code: 'INVALID_REQUEST', detail: 'The task is not valid', errors } },
    });
    const { exitCode, stderr } = await run(['submit', '-'], { stdin: '{"type": "?"}' });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('type: must be a slug');
    expect(stderr).toContain('rules.0.expression: does not parse');
  });

  test.each([
    ['completed', 0],
    ['failed', 1],
    ['expired', 1],
    ['cancelled', 1],
  ])('--watch of a task that ends %s: exit %i', async (status, exitCode) => {
    const ended = EVENTS.map((event) =>
      event.type === 'task.completed' ? { ...event, type: `task.${status}` as TaskEvent['type'] } : event,
    );
    await serve({ ...accepted, [`GET /v1/tasks/${TASK_ID}`]: { body: { ...TASK, status } } }, feedOf(ended, status));
    expect((await run(['submit', '-', '--watch'], { stdin: '{"type": "report"}' })).exitCode).toBe(exitCode);
  });
});

describe('watch', () => {
  const known = { [`GET /v1/tasks/${TASK_ID}`]: { body: TASK } };

  test('tells the events in words, the result and the reputation before and after', async () => {
    await serve(known, feedOf(EVENTS, 'completed'));
    const { exitCode, stdout } = await run(['watch', TASK_ID]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('finance · 100 → 107 · +7');
    expect(stdout).toContain('success yes · quality 100 · by finance');
    expect(stdout).toContain('allocated 50000');
  });

  test('with --json: stdout is one event a line, late ones included, and nothing else', async () => {
    await serve(known, feedOf(EVENTS, 'completed'));
    const { stdout } = await run(['watch', TASK_ID, '--json']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as TaskEvent)).toEqual(EVENTS);
  });

  test('says once that the task waits, when nothing is awarded for a while', async () => {
    const stdout = new PassThrough();
    let said = '';
    let end: (() => void) | undefined;
    stdout.on('data', (text: Buffer) => {
      said += text.toString();
      if (said.includes('waiting ')) end?.();
    });
    const quiet = EVENTS.slice(0, 1);
    await serve(known, {
      onWatch: ({ socket, ack }) => {
        ack({ ok: true, status: 'running', lastSeq: EVENTS.length });
        for (const event of quiet) socket.emit('event', event);
        end = () => {
          for (const event of EVENTS.slice(1)) socket.emit('event', event);
        };
      },
    });
    const streams = { stdin: Readable.from([]), stdout, stderr: new PassThrough(), env: { SWARMBID_URL: server?.url } };
    expect(await runCli(['watch', TASK_ID], streams)).toBe(0);
    expect(said.match(/waiting .*swarmbid agents/g)).toHaveLength(1);
  });

  test('an unknown task: exit 1 at once', async () => {
    await serve({}, feedOf([], 'running'));
    expect((await run(['watch', TASK_ID])).exitCode).toBe(1);
  });
});
