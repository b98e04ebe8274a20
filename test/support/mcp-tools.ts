import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

/** `greet` answers in words, `sum` in structured content, `fail` with an error, and `hang` never. */
export function withTools(server: McpServer): McpServer {
  server.registerTool(
    'greet',
    { description: 'Greets', inputSchema: z.object({ name: z.string() }) },
    async ({ name }) => ({ content: [{ type: 'text', text: `Good day, ${name}` }] }),
  );
  server.registerTool(
    'sum',
    {
      description: 'Adds',
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      outputSchema: z.object({ sum: z.number() }),
    },
    async ({ a, b }) => ({ content: [], structuredContent: { sum: a + b } }),
  );
  server.registerTool('fail', { description: 'Fails', inputSchema: z.object({}) }, async () => ({
    content: [{ type: 'text', text: 'it is broken' }],
    isError: true,
  }));
  server.registerTool('hang', { description: 'Hangs', inputSchema: z.object({}) }, () => new Promise(() => undefined));
  return server;
}

export interface McpHttpServer {
  url: string;
  stop(): Promise<void>;
}

/** The same tools by streamable HTTP. */
export async function startMcpHttpServer(): Promise<McpHttpServer> {
  const handler = createMcpHandler(() => withTools(new McpServer({ name: 'test', version: '1' })));
  const server = http.createServer((request, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const hasBody = request.method !== 'GET' && request.method !== 'DELETE';
      const answer = await handler.fetch(
        new Request(`http://127.0.0.1${request.url ?? '/'}`, {
          method: request.method ?? 'GET',
          headers: new Headers(request.headers as Record<string, string>),
          ...(hasBody ? { body: Buffer.concat(parts) } : {}),
        }),
      );
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      if (answer.body !== null) for await (const part of answer.body) response.write(part);
      response.end();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    stop: async () => {
      await handler.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
