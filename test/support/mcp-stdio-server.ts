/** An MCP server for tests, on its standard input and output. */
import { McpServer } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { withTools } from './mcp-tools.ts';

await withTools(new McpServer({ name: 'test', version: '1' })).connect(new StdioServerTransport());
