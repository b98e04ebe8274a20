import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ToolCaller } from '../../src/agents/tools/tool-caller.ts';
import { createToolCatalogue } from '../../src/agents/tools/tool-catalogue.ts';
import { readTools } from '../../src/agents/tools/tool-store.ts';
import type { Principal } from '../../src/contracts/access.ts';
import type { ToolCatalogue } from '../../src/contracts/services.ts';
import { toolBodySchema, type ToolBody } from '../../src/contracts/tool.ts';
import { createEvaluator } from '../../src/synthesis/index.ts';
import { startMcpHttpServer, type McpHttpServer } from '../support/mcp-tools.ts';
import { createTestDatabase, type TestDatabase } from '../support/stores.ts';

const admin: Principal = { keyId: 'k', role: 'admin', ownerId: 'admin' };
const evaluator = createEvaluator();
let database: TestDatabase;
let mcp: McpHttpServer;
let tools: ToolCatalogue;
let caller: ToolCaller;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  mcp = await startMcpHttpServer();
  caller = new ToolCaller({
    http: { hosts: [], allowPrivate: false },
    mcpServers: [{ name: 'test', url: mcp.url }],
    evaluate: evaluator.evaluate,
  });
  tools = createToolCatalogue({
    db: database.db,
    caller,
  });
});
afterAll(async () => {
  await evaluator.close();
  await mcp.stop();
  await database.drop();
});

const double = (part: object = {}): ToolBody =>
  toolBodySchema.parse({
    description: 'Doubles a number',
    parameters: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] },
    call: { kind: 'expression', expression: '{"doubled": n * 2}' },
    trial: { arguments: { n: 21 }, expect: { doubled: 42 } },
    ...part,
  });

describe('a tool as data', () => {
  it('is tried and published; a change is a new version, and the newest is offered', async () => {
    expect(await tools.put(admin, 'double', double())).toMatchObject({ version: 1, trialResult: { doubled: 42 } });
    await tools.put(admin, 'double', double({ description: 'Doubles' }));
    expect((await tools.list({ limit: 10 })).items).toMatchObject([
      { name: 'double', version: 2, description: 'Doubles' },
    ]);
    expect((await tools.versions('double')).items.map(({ version }) => version)).toEqual([2, 1]);
    const audited = await database.db.selectFrom('audit').select(['action', 'target']).orderBy('seq').execute();
    expect(audited).toEqual([
      { action: 'tool.put', target: 'double' },
      { action: 'tool.put', target: 'double' },
    ]);
  });

  it.each([
    ['answers something else than expected', { trial: { arguments: { n: 1 }, expect: { doubled: 3 } } }, 'trial'],
    ['fails', { call: { kind: 'expression', expression: '$error("no")' } }, 'trial'],
    ['cannot be read', { call: { kind: 'expression', expression: 'n *' } }, 'trial'],
    ['takes too long', { call: { kind: 'expression', expression: '($f := function($x){$f($x)}; $f(1))' } }, 'trial'],
    ['is tried with arguments that it does not take', { trial: { arguments: { n: 'x' } } }, 'trial.arguments'],
    [
      'has a schema that is none',
      { parameters: { type: 'object', properties: { n: { type: 'nmber' } } } },
      'parameters',
    ],
    ['takes no object', { parameters: { type: 'array' } }, 'parameters'],
    [
      'calls a host that is not allowed',
      { call: { kind: 'http', method: 'GET', url: 'https://example.com/' } },
      'call',
    ],
    ['calls an MCP server that nobody configured', { call: { kind: 'mcp', server: 'other', tool: 'x' } }, 'call'],
  ])('that %s is not published', async (_what, part, path) => {
    await expect(tools.put(admin, 'faulty', double(part))).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      errors: expect.arrayContaining([expect.objectContaining({ path })]) as unknown,
    });
    expect(await readTools(database.db, { names: ['faulty'], limit: 1 })).toEqual([]);
  });

  it('may call a tool of an MCP server that the operator names', async () => {
    const body = double({
      parameters: { type: 'object' },
      call: { kind: 'mcp', server: 'test', tool: 'sum' },
      trial: { arguments: { a: 1, b: 2 }, expect: { sum: 3 } },
    });
    const tool = await tools.put(admin, 'sum', body);
    expect(await caller.call(tool, { a: 20, b: 22 }, new AbortController().signal)).toEqual({ sum: 42 });
  });

  it('that two admins change at once becomes two versions', async () => {
    await Promise.all([tools.put(admin, 'shared', double()), tools.put(admin, 'shared', double())]);
    expect((await tools.versions('shared')).items.map(({ version }) => version)).toEqual([2, 1]);
  });

  it('that is withdrawn is offered no more, keeps its versions, and may come back', async () => {
    await tools.put(admin, 'brief', double());
    await tools.withdraw(admin, 'brief');
    expect(await readTools(database.db, { names: ['brief'], limit: 1 })).toEqual([]);
    expect((await tools.versions('brief')).items).toHaveLength(1);
    await expect(tools.withdraw(admin, 'brief')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(tools.versions('never')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await tools.put(admin, 'brief', double())).toMatchObject({ version: 2 });
    expect(await readTools(database.db, { names: ['brief'], limit: 1 })).toMatchObject([{ version: 2 }]);
  });
});
