/** Every command and every block of code of the pages: run here, or by what is named here. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toolBodySchema } from '../../src/contracts/tool.ts';
import { taskSubmissionSchema } from '../../src/contracts/task.ts';
import { SwarmbidClient } from '../../src/sdk/index.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Commands that are not run here: how they begin, and what runs them, or why nothing can. */
const ELSEWHERE: readonly (readonly [string, string])[] = [
  ['npm ci', '.ci/run'],
  ['npm run build:dashboard', 'test/support/dashboard-build.ts'],
  ['npm start', 'test/integration/readme.test.ts, as `up`'],
  ['npm run start:distributed', 'test/scenarios/processes.test.ts, its processes one by one'],
  ['SWARMBID_ROLES=', 'test/scenarios/processes.test.ts'],
  ['DATABASE_MIGRATION_URL=', 'test/integration/migrations.test.ts'],
  ['DATABASE_URL=', 'test/scenarios/processes.test.ts'],
  ['export POOL_SECRET=', 'nothing: it is openssl’s'],
  [
    'SWARMBID_ADMIN_KEY=',
    'nothing: containers cannot run where the tests do; test/unit/containers.test.ts reads the files',
  ],
  ['pg_dump', 'scripts/backup-trial.ts'],
  ['pg_restore', 'scripts/backup-trial.ts'],
  ['psql', 'scripts/backup-trial.ts'],
  ['node scripts/backup-trial.ts', 'by hand: it needs PostgreSQL’s own programs'],
  ['node_modules/.bin/node examples/', 'test/integration/readme.test.ts'],
  ['curl -s http://127.0.0.1:3000/v1/tasks -H', 'test/integration/readme.test.ts'],
  ['curl -s -X PUT http://127.0.0.1:3000/v1/skills', 'test/integration/readme.test.ts'],
  ['curl -s http://127.0.0.1:3000/v1/tasks/ID/decision', 'test/scenarios/workflow-reviews.test.ts'],
  ['npm run test:', 'itself: they are the long tests'],
];

let pages: Map<string, string>;
beforeAll(async () => {
  const docs = (await readdir(path.join(ROOT, 'docs'))).filter((name) => name.endsWith('.md'));
  const files = ['README.md', ...docs.map((name) => `docs/${name}`)];
  pages = new Map(
    await Promise.all(files.map(async (file) => [file, await readFile(path.join(ROOT, file), 'utf8')] as const)),
  );
});

function blocks(page: string, ...languages: string[]): string[] {
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter((fence) => languages.includes(fence[1] ?? ''))
    .map((fence) => fence[2] ?? '');
}

/** The commands of all pages, each on one line, without comments. */
function commands(): string[] {
  return [...pages.values()]
    .flatMap((page) => blocks(page, 'sh', 'bash'))
    .flatMap((block) => block.replaceAll(/\\\n\s*|\n\s+/g, ' ').split('\n'))
    .map((line) => line.replace(/\s{2,}#.*$/, '').trim())
    .filter((line) => line !== '');
}

const isElsewhere = (command: string) => ELSEWHERE.some(([beginning]) => command.startsWith(beginning));

describe('the commands of the pages', { timeout: 120_000 }, () => {
  let directory: string;
  let market: ChildProcess;
  let env: NodeJS.ProcessEnv;
  let client: SwarmbidClient;

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-pages-'));
    // PostgreSQL runs as another user when we are root, and must be able to enter.
    await chmod(directory, 0o755);
    env = { ...process.env, SWARMBID_DATA_DIR: directory, PORT: '0', LOG_LEVEL: 'warn' };
    market = spawn(process.execPath, ['src/bin/swarmbid.ts', 'up', '--json'], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said = createInterface({ input: market.stdout! });
    const url = await new Promise<string>((resolve) => {
      said.on('line', (line) => {
        const [found] = /http:[^"]+/.exec(line) ?? [];
        if (found !== undefined) resolve(found);
      });
    });
    // the page has it exported a line above the command that reads it
    Object.assign(env, { SWARMBID_URL: url, POOL_SECRET: 'a'.repeat(64) });
    client = new SwarmbidClient({ url });
  });

  afterAll(async () => {
    const ended = once(market, 'close');
    market.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true, force: true });
  });

  /** As a reader would, but for the names of what is theirs. */
  async function run(command: string, taskId: string): Promise<string> {
    const own = command
      .replaceAll(/\bID\b/g, taskId)
      .replaceAll('task.json', path.join(directory, 'task.json'))
      .replaceAll('shop.ndjson', path.join(directory, 'shop.ndjson'));
    return new Promise((resolve) => {
      execFile('bash', ['-c', own], { cwd: ROOT, env }, (error, stdout, stderr) => {
        resolve(error === null ? '' : `${own}: ${String(error.code)} ${stdout}${stderr}`);
      });
    });
  }

  it('are run here, one after the other, or by what is named; the first key of the market comes last', async () => {
    const here = commands().filter((command) => !isElsewhere(command));
    expect(here.length).toBeGreaterThan(10);
    const [task = ''] = blocks(pages.get('docs/getting-started.md') ?? '', 'json');
    await writeFile(path.join(directory, 'task.json'), task);
    const { id } = await client.submit(taskSubmissionSchema.parse(JSON.parse(task)));
    await client.wait(id);
    const isKey = (command: string) => / keys create /.test(command);
    for (const command of here.filter((one) => !isKey(one))) expect(await run(command, id)).toBe('');
    const keys = here.filter(isKey);
    const [first = '', ...others] = keys;
    expect(await run(first, id)).toBe('');
    // the market is locked now, to those who have no key: as to us
    for (const other of others) expect(await run(other, id)).toContain('UNAUTHENTICATED');
  });

  it('that are run elsewhere are still in the pages', () => {
    const all = commands();
    expect(
      ELSEWHERE.map(([beginning]) => beginning).filter((one) => !all.some((line) => line.startsWith(one))),
    ).toEqual([]);
  });
});

describe('the code of the pages', () => {
  it('in TypeScript is right by the compiler, with `swarmbid` as it is exported', { timeout: 120_000 }, () => {
    const virtual = new Map(
      [...pages].flatMap(([file, page]) =>
        blocks(page, 'ts').map(
          (code, n) => [path.join(ROOT, 'examples', `${path.basename(file)}-${n + 1}.ts`), code] as const,
        ),
      ),
    );
    expect(virtual.size).toBeGreaterThan(4);
    const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
      config: { compilerOptions: object };
    };
    const { options } = ts.convertCompilerOptionsFromJson(
      {
        ...config.compilerOptions,
        noUnusedLocals: false,
        noUnusedParameters: false,
        paths: { swarmbid: [path.join(ROOT, 'src/index.ts')] },
      },
      ROOT,
    );
    const host = ts.createCompilerHost(options);
    const { readFile: readReal, fileExists, getSourceFile } = host;
    host.readFile = (file) => virtual.get(file) ?? readReal(file);
    host.fileExists = (file) => virtual.has(file) || fileExists(file);
    host.getSourceFile = (file, version, ...rest) => {
      const code = virtual.get(file);
      return code === undefined ? getSourceFile(file, version, ...rest) : ts.createSourceFile(file, code, version);
    };
    const program = ts.createProgram([...virtual.keys()], options, host);
    const faults = [...virtual.keys()].flatMap((file) => {
      const source = program.getSourceFile(file);
      return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
        ({ messageText }) => `${path.basename(file)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
      );
    });
    expect(faults).toEqual([]);
  });

  it('in JSON is a task, a step, a tool, or an answer', () => {
    const [leaflet = '', sort = ''] = blocks(pages.get('docs/workflows.md') ?? '', 'json');
    const [tool = ''] = blocks(pages.get('docs/tools.md') ?? '', 'json');
    expect(taskSubmissionSchema.safeParse(JSON.parse(leaflet)).success).toBe(true);
    const step: unknown = JSON.parse(sort);
    expect(taskSubmissionSchema.safeParse({ type: 'sorting', steps: [step] }).success).toBe(true);
    expect(toolBodySchema.safeParse(JSON.parse(tool)).success).toBe(true);
  });
});
