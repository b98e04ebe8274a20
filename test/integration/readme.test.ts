import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough, Readable } from 'node:stream';
import type { Option } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtInAgents } from '../../src/agents/index.ts';
import { createProgram } from '../../src/cli/program.ts';
import { createAwardPolicies } from '../../src/reputation/index.ts';
import { SwarmbidClient } from '../../src/sdk/index.ts';
import { FAILURE_CODES } from '../../src/contracts/errors.ts';
import { taskSubmissionSchema, type TaskView } from '../../src/contracts/task.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;

async function read(file: string): Promise<string> {
  return readFile(path.join(ROOT, file), 'utf8');
}

/** The pages that a user reads, by file. */
async function readPages(): Promise<Map<string, string>> {
  const docs = (await readdir(path.join(ROOT, 'docs'))).filter((name) => name.endsWith('.md'));
  const files = ['README.md', 'ARCHITECTURE.md', 'examples/README.md', ...docs.map((name) => `docs/${name}`)];
  return new Map(await Promise.all(files.map(async (file) => [file, await read(file)] as const)));
}

function blocks(page: string, language: string): string[] {
  return [...page.matchAll(FENCE)].filter((fence) => fence[1] === language).map((fence) => fence[2] ?? '');
}

/** Calls of the command line in the blocks of a page, without what leads there and what a shell makes of the rest. */
function commandLines(page: string): string[] {
  const lines = [...blocks(page, 'sh'), ...blocks(page, '')].flatMap((block) =>
    block.replaceAll('\\\n', ' ').split('\n'),
  );
  return lines.flatMap((line) => {
    const [, command] = /(?:npm run (?:--silent |-s )?swarmbid --|(?:^|\$ |\()swarmbid) ([^#<>|)]+)/.exec(line) ?? [];
    return command === undefined ? [] : [command.trim()];
  });
}

/** What of a command line the command line does not know. */
function faultsOf(line: string): string[] {
  const words = line.split(/\s+/);
  let command = createProgram({ streams: {} as never, exitWith: () => undefined });
  const options: Option[] = [...command.options];
  while (command.commands.length > 0) {
    const next = command.commands.find((one) => one.name() === words[0]);
    if (next === undefined) return words[0]?.startsWith('--') === true ? [] : [`no command ${String(words[0])}`];
    command = next;
    options.push(...command.options);
    words.shift();
  }
  return words.flatMap((word, index) => {
    if (!word.startsWith('--') || word === '--help') return [];
    const option = options.find((one) => one.long === word);
    if (option === undefined) return [`no option ${word}`];
    const value = words[index + 1] ?? '';
    return option.argChoices === undefined || option.argChoices.includes(value) ? [] : [`no value ${value}`];
  });
}

function isJson(text: string): boolean {
  try {
    return JSON.parse(text) !== undefined;
  } catch {
    return false;
  }
}

function fail(what: string): never {
  throw new Error(what);
}

const found = (page: string, pattern: RegExp) => [...page.matchAll(pattern)].map((match) => match[1] ?? '');

describe('what the pages say', () => {
  let pages: Map<string, string>;
  const failing = async (fault: (page: string, file: string) => string[] | Promise<string[]>) =>
    (
      await Promise.all(
        [...pages].map(async ([file, page]) => (await fault(page, file)).map((one) => `${file}: ${one}`)),
      )
    ).flat();

  beforeAll(async () => {
    pages = await readPages();
  });

  it('the README begins with the demo and then the tests, each alone on its line', () => {
    const commands = blocks(pages.get('README.md') ?? '', 'sh').map((block) => block.trim());
    expect(commands.slice(0, 2)).toEqual(['npm ci && npm run demo', 'npm ci && npm test']);
  });

  it('every npm script that is named exists', async () => {
    const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> };
    const unknown = await failing((page) =>
      [...found(page, /npm run (?:-s )?([a-z][\w:-]*)/g), ...found(page, /npm (start|test)\b/g)].filter(
        (name) => !(name in scripts),
      ),
    );
    expect(unknown).toEqual([]);
  });

  it('every command of the command line that is named exists', async () => {
    const streams = { stdin: Readable.from([]), stdout: new PassThrough(), stderr: new PassThrough(), env: {} };
    const known = createProgram({ streams, exitWith: () => undefined }).commands.map((command) => command.name());
    const named = await failing((page) => found(page, /npm run swarmbid -- ([a-z]+)/g));
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((one) => !known.includes(one.split(': ')[1] ?? ''))).toEqual([]);
  });

  it('every line of the command line is one that it understands: commands, options, the values of those that have few', async () => {
    const unknown = await failing((page) =>
      commandLines(page).flatMap((line) => faultsOf(line).map((fault) => `${fault} in ${line}`)),
    );
    expect(unknown).toEqual([]);
  });

  it('every block can be read by what it is for: a shell, JSON', async () => {
    const broken = await failing((page) => [
      ...[...blocks(page, 'sh'), ...blocks(page, 'bash')].filter(
        (block) => spawnSync('bash', ['-n'], { input: block }).status !== 0,
      ),
      ...blocks(page, 'json').filter((block) => !isJson(block)),
    ]);
    expect(broken).toEqual([]);
    const languages = await failing((page) => [...page.matchAll(FENCE)].map((fence) => fence[1] ?? ''));
    const known = ['', 'bash', 'json', 'sh', 'sql', 'text', 'ts'];
    expect(languages.filter((one) => !known.includes(one.split(': ')[1] ?? ''))).toEqual([]);
  });

  it('the task of getting started is one that the server takes', async () => {
    const [task = ''] = blocks(pages.get('docs/getting-started.md') ?? '', 'json');
    expect(taskSubmissionSchema.safeParse(JSON.parse(task)).success).toBe(true);
  });

  it('the worked example of the rules has the parts, scores and ranks that the award policy computes', () => {
    const row =
      /^\| (\w+)\s+\|[^|]+\| (\d+)\s+\| (\d+) %\s+\|[^|]+ = ([\d.]+)\s+\| ([\d.]+) \+ ([\d.]+) \+ ([\d.]+)\s+\| ([\d.]+)\s+\| (\d)\s+\|$/gm;
    const stated = [...(pages.get('docs/rules.md') ?? '').matchAll(row)].map(([, agentId = '', ...numbers]) => ({
      agentId,
      numbers: numbers.map(Number),
    }));
    expect(stated.map(({ agentId }) => agentId)).toEqual(['insights', 'finance', 'marketing']);
    const bids = stated.map(({ agentId, numbers: [reputation = 0, loadPercent = 0] }) => {
      const skills = builtInAgents.find((agent) => agent.id === agentId)?.skills ?? [];
      return { agentId, skills, reputation, loadPercent };
    });
    const task = { id: 'a-campaign', requiredSkills: ['marketing', 'finance', 'analytics'] };
    const ranked = createAwardPolicies().get('weighted')?.rank(bids, task) ?? [];
    const rounded = (value: number) => Math.round(value * 100) / 100;
    const computed = stated.map(({ agentId }) => {
      const { bid, score, parts, skillMatch } = ranked.find((one) => one.bid.agentId === agentId) ?? fail(agentId);
      const numbers = [
        bid.reputation,
        bid.loadPercent,
        skillMatch,
        parts.reputation,
        parts.skillMatch,
        parts.load,
        score,
      ];
      return { agentId, numbers: [...numbers.map(rounded), ranked.findIndex((one) => one.bid === bid) + 1] };
    });
    expect(stated).toEqual(computed);
  });

  it('every link to a file, and every program that is run, leads to one', async () => {
    const missing = await failing(async (page, file) => {
      const linked = found(page, /\]\((?!https?:|#)([^)#\s]+)/g).map((target) => path.join(path.dirname(file), target));
      const run = found(page, /\b((?:examples|scripts|src)\/[\w/.-]+\.ts)\b/g);
      const absent = await Promise.all(
        [...linked, ...run].map((target) =>
          access(path.join(ROOT, target)).then(
            () => [],
            () => [target],
          ),
        ),
      );
      return absent.flat();
    });
    expect(missing).toEqual([]);
  });

  it('every variable that is set or listed is one of .env.example, or of the command line', async () => {
    const known = new Set([
      ...found(await read('.env.example'), /^([A-Z_]+)=/gm),
      'SWARMBID_URL',
      'SWARMBID_TOKEN',
      ...FAILURE_CODES,
    ]);
    const unknown = await failing((page) =>
      found(page, /\b((?:SWARMBID|DATABASE|REDIS|BID|LEASE|AWARD|OPENAI|POOL|LOG|RETENTION|OTEL)_[A-Z_]+)\b/g).filter(
        (name) => !known.has(name),
      ),
    );
    expect(unknown).toEqual([]);
  });

  it('the README shows example 01 as it is', async () => {
    const example = await read('examples/01-an-agent-of-your-own.ts');
    expect(blocks(pages.get('README.md') ?? '', 'ts')).toEqual([example.slice(example.indexOf('import '))]);
  });

  it('the worked example of the README has the scores that the award policy computes', () => {
    const bids = builtInAgents.map(({ id, skills }) => ({ agentId: id, skills, reputation: 100, loadPercent: 0 }));
    const task = { id: 'a-campaign', requiredSkills: ['marketing', 'finance', 'analytics'] };
    const ranked = createAwardPolicies().get('weighted')?.rank(bids, task) ?? [];
    const scores = ranked.map(({ bid, score }) => [bid.agentId, String(Math.round(score * 100) / 100)] as const);
    const stated = [...(pages.get('README.md') ?? '').matchAll(/^\| (\w+)\s+\|.*\*\*([\d.]+)\*\*\s+\|$/gm)];
    expect(stated.map((row) => [row[1], row[2]])).toHaveLength(3);
    for (const row of stated) expect(scores).toContainEqual([row[1], row[2]]);
  });
});

interface Started {
  child: ChildProcess;
  /** Resolves with the first line of stdout that matches. */
  line: (pattern: RegExp) => Promise<string>;
  /** Resolves with the exit code, and everything on stdout and stderr. */
  ended: Promise<{ code: number | null; output: string; errors: string }>;
}

function start(args: string[], env: NodeJS.ProcessEnv): Started {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    output: lines.join('\n'),
    errors,
  }));
  const line = async (pattern: RegExp) => {
    const early = lines.find((one) => pattern.test(one));
    if (early !== undefined) return early;
    return new Promise<string>((resolve, reject) => {
      reader.on('line', (one) => pattern.test(one) && resolve(one));
      void ended.then(({ code, output }) =>
        reject(new Error(`ended with ${String(code)} before ${String(pattern)}: ${output}${errors}`)),
      );
    });
  };
  return { child, line, ended };
}

interface Request {
  method: string;
  path: string;
  body: string;
}

/** Resolves when the newest party has moved the reputation of its last agent, and so that of those before. */
async function reputationsMoved(client: SwarmbidClient): Promise<void> {
  const [party] = (await client.tasks({ type: 'party' })).items;
  for await (const { type, data } of client.watch(party?.id ?? '', { untilEnd: false })) {
    if (type === 'reputation.changed' && data['agentId'] === 'frugal') return;
  }
}

/** The curl commands of a page. */
function requestsOf(page: string): Request[] {
  const pattern =
    /curl -s(?: -X (\w+))? http:\/\/127\.0\.0\.1:3000(\S+)[^']*'content-type: application\/json'[^']*-d '([^']*)'/g;
  return blocks(page, 'sh').flatMap((block) =>
    [...block.matchAll(pattern)].map(([, method = 'POST', target = '', body = '']) => ({ method, path: target, body })),
  );
}

describe('what the pages tell to run, against an embedded market', { timeout: 60_000 }, () => {
  let dataDir: string;
  let env: NodeJS.ProcessEnv;
  let market: Started;
  let client: SwarmbidClient;

  beforeAll(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'swarmbid-readme-'));
    // PostgreSQL runs as another user when we are root, and must be able to enter.
    await chmod(dataDir, 0o755);
    env = { SWARMBID_DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'warn' };
    market = start(['src/bin/swarmbid.ts', 'up', '--json'], env);
    const url = /http:[^"]+/.exec(await market.line(/"url"/))?.[0] ?? '';
    env = { ...env, SWARMBID_URL: url };
    client = new SwarmbidClient({ url });
  });

  afterAll(async () => {
    market.child.kill('SIGTERM');
    await market.ended;
    await rm(dataDir, { recursive: true, force: true });
  });

  it('example 01 joins by itself; the curl commands are accepted, their tasks completed; Ctrl-C ends the example with exit 0', async () => {
    const example = start(['examples/01-an-agent-of-your-own.ts'], env);
    await example.line(/bids/);
    const requests = [...requestsOf(await read('README.md')), ...requestsOf(await read('docs/guide-agents.md'))];
    expect(requests.map(({ method, path: target }) => `${method} ${target}`)).toEqual([
      'POST /v1/tasks',
      'POST /v1/tasks',
      'PUT /v1/skills/proofreading',
    ]);
    for (const { method, path: target, body } of requests) {
      const answer = await fetch(`${client.url}${target}`, {
        method,
        body,
        headers: { 'content-type': 'application/json' },
      });
      expect(answer.ok).toBe(true);
      if (target !== '/v1/tasks') continue;
      const task = await client.wait(((await answer.json()) as TaskView).id);
      expect(task).toMatchObject({ status: 'completed', result: { success: true } });
    }
    example.child.kill('SIGINT');
    expect(await example.ended).toMatchObject({ code: 0, errors: '' });
  });

  it('example 02 prints each event to the last, the sections, and scores that sum up', async () => {
    const { code, output, errors } = await start(['examples/02-submit-and-watch.ts'], env).ended;
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toMatch(/^1 task\.accepted$/m);
    expect(output).toMatch(/^completed \{$/m);
    const [, reputation, skillMatch, load, score] =
      /: finance ([\d.]+) \+ ([\d.]+) \+ ([\d.]+) = ([\d.]+), rank 1$/m.exec(output) ?? [];
    expect(Number(reputation) + Number(skillMatch) + Number(load)).toBeCloseTo(Number(score), 5);
  });

  it('example 03: what breaks the rule is taken back and done by the other, twice; the third time the other is chosen at once', async () => {
    const takenBack: boolean[] = [];
    for (let run = 1; run <= 3; run++) {
      const { code, output, errors } = await start(['examples/03-a-team-with-a-rule.ts'], env).ended;
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      expect(output).toContain("catering: { cost: 700, menu: 'A buffet' }");
      takenBack.push(output.includes('taken back from lavish'));
      await reputationsMoved(client);
    }
    expect(takenBack).toEqual([true, true, false]);
  });

  it('example 04: the draft is sent back once, and one of the two ways to print is skipped', async () => {
    const { code, output, errors } = await start(['examples/05-a-workflow.ts'], env).ended;
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output.match(/^sent back: .*$/gm)).toEqual([
      'sent back: draft · iteration 2',
      'sent back: check · iteration 2',
    ]);
    expect(output).toContain('skipped: colour');
    expect(output).toContain('Come and see them.');
  });
});
