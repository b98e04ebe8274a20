import { z } from 'zod';
import { jsonObjectSchema } from './primitives.ts';

/** What a model may call a function: the narrowest of the servers' rules. */
export const toolNameSchema = z
  .string()
  .regex(/^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/, 'must be 1–64 letters, digits, "_" or "-", beginning with a letter or "_"');

const httpCallSchema = z.strictObject({
  kind: z.literal('http'),
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
  url: z
    .string()
    .max(2_000)
    .describe('an http or https address; {name} in its path or query is filled from the arguments'),
});

const mcpCallSchema = z.strictObject({
  kind: z.literal('mcp'),
  server: z.string().min(1).max(64).describe('a name in MCP_SERVERS'),
  tool: z.string().min(1).max(128),
});

const expressionCallSchema = z.strictObject({
  kind: z.literal('expression'),
  expression: z.string().min(1).max(4_000).describe('JSONata over the arguments'),
});

export const toolCallSchema = z.discriminatedUnion('kind', [httpCallSchema, mcpCallSchema, expressionCallSchema]);
export type ToolCall = z.output<typeof toolCallSchema>;

/** A tool as data. It is tried with `trial.arguments` before it is published. */
export const toolBodySchema = z.strictObject({
  description: z.string().min(1).max(2_000),
  parameters: jsonObjectSchema.describe('JSON Schema (draft 2020-12) of the arguments, an object'),
  call: toolCallSchema,
  timeoutMs: z.number().int().min(100).max(60_000).default(10_000),
  trial: z.strictObject({
    arguments: jsonObjectSchema,
    expect: z.unknown().optional().describe('what the trial must answer; left out: any answer that is no fault'),
  }),
});
export type ToolBody = z.output<typeof toolBodySchema>;
/** The same, with what has a default left out. */
export type ToolInput = z.input<typeof toolBodySchema>;

export const publishedToolSchema = toolBodySchema.extend({
  name: toolNameSchema,
  version: z.number().int().describe('from 1; every change is a new one'),
  trialResult: z.unknown().describe('what the trial answered'),
  publishedAt: z.string(),
});
/** A tool that was tried and is offered to agents. */
export type PublishedTool = z.output<typeof publishedToolSchema>;
