import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedModelServer } from '../../../src/agents/thinking/scripted-model-server.ts';
import { McpConnection } from '../../../src/agents/tools/mcp-connection.ts';
import type { McpServer } from '../../../src/agents/tools/mcp-server.ts';
import { startMcpHttpServer, type McpHttpServer } from '../../support/mcp-tools.ts';
import { deliver, toolAnswers, toolNames, writerOn } from '../../support/thinking.ts';

const never = new AbortController().signal;
const program = path.resolve('test/support/mcp-stdio-server.ts');

let http: McpHttpServer;
beforeAll(async () => {
  http = await startMcpHttpServer();
});
afterAll(() => http.stop());

const TRANSPORTS: [string, () => McpServer][] = [
  ['stdio', () => ({ name: 'test', command: process.execPath, args: [program] })],
  ['streamable HTTP', () => ({ name: 'test', url: http.url })],
];

describe.each(TRANSPORTS)('an MCP server on %s', (_name, serverOf) => {
  let connection: McpConnection;
  beforeAll(async () => {
    connection = await McpConnection.open(serverOf(), never);
  });
  afterAll(() => connection.close());

  it('lends its tools, named after it, with their schemas', async () => {
    const tools = await connection.tools(never);
    expect(tools.map(({ name }) => name)).toEqual(['test_greet', 'test_sum', 'test_fail', 'test_hang']);
    expect(tools[0]?.parameters).toMatchObject({ type: 'object', required: ['name'] });
  });

  it('answers in words, in structure, and with errors', async () => {
    expect(await connection.call('greet', { name: 'Ada' }, never)).toBe('Good day, Ada');
    expect(await connection.call('sum', { a: 1, b: 2 }, never)).toEqual({ sum: 3 });
    await expect(connection.call('fail', {}, never)).rejects.toThrow('it is broken');
    await expect(connection.call('greet', { name: 7 }, never)).rejects.toThrow();
  });

  it('is waited for no longer than the signal says', async () => {
    const controller = new AbortController();
    const hanging = connection.call('hang', {}, controller.signal);
    controller.abort(new Error('enough'));
    await expect(hanging).rejects.toThrow();
  });

  it('joins an agent’s tools', async () => {
    const model = await ScriptedModelServer.start((_request, index) =>
      index === 0 ? { toolCalls: [{ name: 'test_sum', arguments: { a: 20, b: 22 } }] } : { text: 'done' },
    );
    try {
      await deliver(writerOn(model, { mcpServers: [serverOf()] }));
      expect(toolNames(model.requests[0])).toContain('test_sum');
      expect(toolAnswers(model.requests[1])).toEqual(['{"sum":42}']);
    } finally {
      await model.stop();
    }
  });
});

it('an MCP server that cannot be reached is named', async () => {
  await expect(McpConnection.open({ name: 'gone', url: 'http://127.0.0.1:1/mcp' }, never)).rejects.toThrow(
    'The MCP server "gone" cannot be reached',
  );
});
