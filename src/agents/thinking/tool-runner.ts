import { errorText } from '../../util/error-text.ts';
import { toStorableJson, type Json } from '../../util/json.ts';
import { jsonIn } from '../core/thinking/answer-text.ts';
import { ToolResult } from '../tools/tool-result.ts';
import type { AgentTool, ToolContext } from '../tools/tool.ts';
import { isHandoffTarget } from './handoff-targets.ts';
import type { ToolRequest } from './chat.ts';

/** A longer answer is of no use to a model, and costs. */
const MAX_ANSWER_BYTES = 256 * 1024;
const RETRY_DELAY_MS = 200;

export interface ToolOutcome {
  call: ToolRequest;
  result: ToolResult;
}

/** Runs one call; whatever goes wrong becomes an answer to the model, which may do better. Rejects only when the attempt is over. */
export async function runTool(
  tools: ReadonlyMap<string, AgentTool>,
  call: ToolRequest,
  context: ToolContext,
): Promise<ToolOutcome> {
  const tool = tools.get(call.name);
  if (tool === undefined) {
    const known = [...tools.keys()].join(', ');
    return fault(call, `There is no tool "${call.name}". ${known === '' ? 'You have none.' : `You have: ${known}.`}`);
  }
  const args = call.arguments.trim() === '' ? {} : jsonIn(call.arguments);
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    return fault(call, 'The arguments are not a JSON object.');
  try {
    const wrong = tool.check(args);
    if (wrong !== null) return fault(call, `The arguments do not fit: ${wrong}.`);
    return { call, result: asResult(await withRetries(tool, args, context)) };
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.warn('A tool failed', { tool: tool.name, reason: errorText(error) });
    return fault(call, `The tool failed: ${errorText(error)}`);
  }
}

async function withRetries(tool: AgentTool, args: Record<string, Json>, context: ToolContext): Promise<unknown> {
  for (let tried = 0; ; tried += 1) {
    try {
      return await withinTime(tool, args, context);
    } catch (error) {
      context.signal.throwIfAborted();
      if (tried >= tool.retries) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS * 2 ** tried));
    }
  }
}

/** A tool that does not heed its signal is waited for no longer than its time. */
async function withinTime(tool: AgentTool, args: Record<string, Json>, context: ToolContext): Promise<unknown> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`no answer within ${tool.timeoutMs} ms`)), tool.timeoutMs);
  const signal = AbortSignal.any([context.signal, late.signal]);
  const cut = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  try {
    const work = Promise.resolve(tool.run(args, { ...context, signal }));
    work.catch(() => undefined);
    return await Promise.race([work, cut]);
  } finally {
    clearTimeout(timer);
  }
}

function asResult(returned: unknown): ToolResult {
  if (isHandoffTarget(returned)) return new ToolResult({ agent: returned });
  if (!(returned instanceof ToolResult)) return new ToolResult({ value: readable(returned) });
  const { agent, contextVariables } = returned;
  return new ToolResult({ value: readable(returned.value), agent, contextVariables });
}

function readable(value: unknown): unknown {
  if (value === undefined) return 'Done.';
  const json = toStorableJson(value, MAX_ANSWER_BYTES);
  if (!json.ok) throw new Error(`its answer cannot be used: ${json.reason}`);
  return json.value;
}

const fault = (call: ToolRequest, message: string): ToolOutcome => ({
  call,
  result: new ToolResult({ value: { error: message } }),
});
