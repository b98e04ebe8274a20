import { z } from 'zod';
import type { AgentLog, SubtaskInput } from '../../contracts/agent-definition.ts';
import type { AgentMarket } from '../../contracts/agent-market.ts';
import { toolNameSchema } from '../../contracts/tool.ts';
import type { Json } from '../../util/json.ts';
import { argumentFaults } from './argument-schema.ts';

export interface ToolContext {
  /** Aborted when the tool's time is up, or the attempt is over. */
  signal: AbortSignal;
  log: AgentLog;
  /** Whose tool it is. */
  agentId: string;
  subtask: SubtaskInput;
  market: AgentMarket;
  /** Those that the agent may read. Changes are returned in a `ToolResult`. */
  contextVariables: Readonly<Record<string, Json>>;
  /** The same for every run of this call: pass it on with effects of your own. */
  idempotencyKey: string;
}

/** A tool as an agent holds it. */
export interface AgentTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments that the model gives. */
  readonly parameters: Record<string, unknown>;
  readonly timeoutMs: number;
  /** How often it is tried again when it throws. */
  readonly retries: number;
  /** Why these arguments cannot be taken, or null. */
  check(args: Record<string, unknown>): string | null;
  run(args: Record<string, unknown>, context: ToolContext): unknown;
}

export interface ToolDefinition<Args> {
  name: string;
  description: string;
  /** A zod object, or a JSON Schema of one. */
  parameters: z.ZodType<Args> | Record<string, unknown>;
  /** Parameters that are filled from the context variables of the same name: the model sees nothing of them. */
  fromContext?: readonly string[] | undefined;
  /** Default 10 000. */
  timeoutMs?: number | undefined;
  /** Default 0: a tool may have effects. */
  retries?: number | undefined;
  /** Any JSON value, a `ToolResult`, or an agent that goes on with the conversation. Throwing tells the model what went wrong. */
  run(args: Args, context: ToolContext): unknown;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * A tool in code.
 * @throws Error that names what is wrong with it
 */
export function defineTool<Args = Record<string, unknown>>(definition: ToolDefinition<Args>): AgentTool {
  const { name, description, fromContext = [], timeoutMs = DEFAULT_TIMEOUT_MS, retries = 0 } = definition;
  toolNameSchema.parse(name);
  const zod = definition.parameters instanceof z.ZodType ? definition.parameters : undefined;
  const schema = zod === undefined ? (definition.parameters as Record<string, unknown>) : jsonSchemaOf(zod);
  const withContext = (args: Record<string, unknown>, variables: ToolContext['contextVariables']) =>
    Object.fromEntries([
      ...Object.entries(args).filter(([key]) => !fromContext.includes(key)),
      ...fromContext.filter((key) => Object.hasOwn(variables, key)).map((key) => [key, variables[key]] as const),
    ]);
  return Object.freeze({
    name,
    description,
    parameters: withoutParameters(schema, fromContext),
    timeoutMs,
    retries,
    check: (args: Record<string, unknown>) => argumentFaults(withoutParameters(schema, fromContext), args),
    run: (args: Record<string, unknown>, context: ToolContext) => {
      const all = withContext(args, context.contextVariables);
      return definition.run(zod === undefined ? (all as Args) : zod.parse(all), context);
    },
  });
}

function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  const members = Object.entries(z.toJSONSchema(schema, { io: 'input' }));
  return Object.fromEntries(members.filter(([name]) => name !== '$schema'));
}

function withoutParameters(schema: Record<string, unknown>, hidden: readonly string[]): Record<string, unknown> {
  if (hidden.length === 0) return schema;
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, unknown>);
  const required = (schema['required'] ?? []) as string[];
  return {
    ...schema,
    properties: Object.fromEntries(properties.filter(([name]) => !hidden.includes(name))),
    required: required.filter((name) => !hidden.includes(name)),
  };
}
