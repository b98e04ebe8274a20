import type { CallToolResult, Client, Transport } from '@modelcontextprotocol/client';
import { toStorableJson, type Json } from '../../util/json.ts';
import type { McpServer } from './mcp-server.ts';
import type { AgentTool } from './tool.ts';

const CALL_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * A connection to an MCP server, for the length of one subtask or one call: no state of one task's is seen by another's, and
 * a server that was started for it ends with it.
 */
export class McpConnection {
  private readonly server: McpServer;
  private readonly client: Client;

  private constructor(server: McpServer, client: Client) {
    this.server = server;
    this.client = client;
  }

  /** @throws Error that names the server */
  static async open(server: McpServer, signal: AbortSignal): Promise<McpConnection> {
    // loaded when it is first needed: 35 MB of memory
    const { Client } = await import('@modelcontextprotocol/client');
    const client = new Client({ name: 'swarmbid', version: '1' });
    try {
      await client.connect(await transportOf(server), { signal, timeout: CONNECT_TIMEOUT_MS });
      return new McpConnection(server, client);
    } catch (error) {
      await client.close().catch(() => undefined);
      throw new Error(`The MCP server "${server.name}" cannot be reached: ${messageOf(error)}`, { cause: error });
    }
  }

  /** All of the server's tools, each as `<server>_<tool>`. What they may do is between the server and the agent's author. */
  async tools(signal: AbortSignal): Promise<AgentTool[]> {
    const { tools } = await this.client.listTools(undefined, { signal });
    return tools.map(({ name, description, inputSchema }) => ({
      name: `${this.server.name}_${name}`.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64),
      description: (description ?? name).slice(0, 2_000),
      parameters: inputSchema,
      timeoutMs: CALL_TIMEOUT_MS,
      retries: 0,
      // The server holds them to its schema itself.
      check: () => null,
      run: (args, context) => this.call(name, args, context.signal),
    }));
  }

  /** @throws Error with what the server says */
  async call(tool: string, args: Record<string, unknown>, signal: AbortSignal): Promise<Json> {
    const result = await this.client.callTool({ name: tool, arguments: args }, { signal, timeout: CALL_TIMEOUT_MS });
    return answerOf(result);
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

async function transportOf(server: McpServer): Promise<Transport> {
  if ('url' in server) {
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    const { url, headers } = server;
    return new StreamableHTTPClientTransport(new URL(url), headers === undefined ? {} : { requestInit: { headers } });
  }
  const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
  const { command, args = [], env, cwd } = server;
  return new StdioClientTransport({
    command,
    args,
    stderr: 'ignore',
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
  });
}

function answerOf(result: CallToolResult): Json {
  const text = result.content.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n');
  if (result.isError === true) throw new Error(text === '' ? 'the tool failed without a word' : text);
  const json = toStorableJson(result.structuredContent ?? text, MAX_ANSWER_BYTES);
  if (!json.ok) throw new Error(`the answer cannot be used: ${json.reason}`);
  return json.value;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
