import type { PublishedTool, ToolCall } from '../../contracts/tool.ts';
import { toStorableJson, type Json } from '../../util/json.ts';
import { callHttp, httpCallFault, type HttpPolicy } from './http-call.ts';
import { McpConnection } from './mcp-connection.ts';
import type { McpServer } from './mcp-server.ts';

const MAX_ANSWER_BYTES = 256 * 1024;

export interface ToolCallerOptions {
  http: HttpPolicy;
  /** Servers that tools which are data may call, as the operator names them. */
  mcpServers: readonly McpServer[];
  /** Evaluates JSONata in a process of its own, with limits of time and memory. @throws Error with the fault */
  evaluate: (expression: string, input: unknown) => Promise<unknown>;
}

/** Carries out tools that are data. */
export class ToolCaller {
  private readonly options: ToolCallerOptions;

  constructor(options: ToolCallerOptions) {
    this.options = options;
  }

  /** Why a call can never be made here, or null. */
  fault(call: ToolCall): string | null {
    if (call.kind === 'http') return httpCallFault(call, this.options.http);
    if (call.kind === 'mcp' && this.server(call.server) === undefined)
      return `there is no MCP server "${call.server}" in MCP_SERVERS`;
    return null;
  }

  /** @throws Error that says why there is no answer */
  async call(
    tool: Pick<PublishedTool, 'call' | 'timeoutMs'>,
    args: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<Json> {
    const during = AbortSignal.any([signal, AbortSignal.timeout(tool.timeoutMs)]);
    const answer = toStorableJson((await this.carryOut(tool.call, args, during)) ?? null, MAX_ANSWER_BYTES);
    if (!answer.ok) throw new Error(`the answer cannot be used: ${answer.reason}`);
    return answer.value;
  }

  private carryOut(call: ToolCall, args: Record<string, unknown>, signal: AbortSignal): Promise<unknown> {
    switch (call.kind) {
      case 'http':
        return callHttp(call, args, this.options.http, signal);
      case 'expression':
        return this.options.evaluate(call.expression, args);
      case 'mcp':
        return this.callServer(call, args, signal);
    }
  }

  private async callServer(
    call: Extract<ToolCall, { kind: 'mcp' }>,
    args: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<Json> {
    const server = this.server(call.server);
    if (server === undefined) throw new Error(`there is no MCP server "${call.server}" in MCP_SERVERS`);
    const connection = await McpConnection.open(server, signal);
    try {
      return await connection.call(call.tool, args, signal);
    } finally {
      await connection.close();
    }
  }

  private server(name: string): McpServer | undefined {
    return this.options.mcpServers.find((server) => server.name === name);
  }
}
