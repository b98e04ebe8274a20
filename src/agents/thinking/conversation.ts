/**
 * One subtask thought through by a model, and by as many agents as hand it on.
 *
 *  1. Each turn asks the model of the agent that has the conversation; its instructions are the system message, and
 *     everything said so far goes with it.
 *  2. Tool calls of one answer run at once, or one after the other; their answers go back in the order of the calls. What
 *     goes wrong with a call is its answer: an unknown tool, wrong arguments, a failure, no time, no call left.
 *  3. A call that returns an agent hands the conversation on, if the limits of the first agent allow it; of several in one
 *     answer the first counts. A handoff that is not allowed is told to the model, which goes on.
 *  4. In the last turn, and when all tool calls are used up, no tools are offered: the model must answer.
 *  5. An answer without calls is the delivery. Where a schema is given it must satisfy it; one repair is asked for.
 *  6. No question is asked that the budget does not allow.
 *  7. What others wrote (task, tools, agents) is marked as data. No decision of the market hangs on a model's keeping to that.
 */
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import type { ExecutionContext, SubtaskInput } from '../../contracts/agent-definition.ts';
import type { Memory } from '../../contracts/agent-market.ts';
import type { Skill } from '../../contracts/skill.ts';
import type { Json } from '../../util/json.ts';
import { jsonIn } from '../core/thinking/answer-text.ts';
import { judgeHandoff } from '../core/thinking/handoff-rules.ts';
import type { Marker } from '../core/thinking/marked-data.ts';
import { conversationOf, subtaskText, systemText } from '../core/thinking/prompt.ts';
import { argumentFaults } from '../tools/argument-schema.ts';
import { BestBidder, ToolResult, type HandoffTarget } from '../tools/tool-result.ts';
import type { AgentTool, ToolContext } from '../tools/tool.ts';
import { cacheRuleFor } from './answer-cache.ts';
import type { ChatAnswer, ToolRequest } from './chat.ts';
import { Meter } from './meter.ts';
import { markerFor } from './marker.ts';
import { SharedVariables } from './shared-variables.ts';
import { personaOf, type Persona, type RunLimits } from './thinking-agent.ts';
import { ThinkingFault } from './thinking-fault.ts';
import { runTool, type ToolOutcome } from './tool-runner.ts';
import { askModel } from './turn.ts';

const DEFAULTS = {
  maxTurns: 10,
  maxToolCalls: 32,
  maxHandoffs: 5,
  allowCycles: false,
  parallelTools: true,
} satisfies Required<RunLimits>;
const MAX_TOOL_ANSWER_CHARS = 16_000;
const HANDED_CHARS = 4_000;
/** Of a market handoff, so that the parent is still there to hear of its end. */
const HAND_BACK_MS = 1_000;

export interface Conversed {
  persona: Persona;
  subtask: SubtaskInput;
  context: ExecutionContext;
  /** The tools of an agent, opened when it first has the conversation. */
  toolsOf(persona: Persona): Promise<readonly AgentTool[]>;
  skills: readonly Skill[];
  memories: readonly Memory[];
  schema: Record<string, unknown> | undefined;
  /** What rules have worked out already. */
  draft?: unknown;
}

/** @returns the delivery @throws ThinkingFault, or Error of the model's server */
export function converse(given: Conversed): Promise<Json> {
  return new Conversation(given).run();
}

class Conversation {
  private readonly given: Conversed;
  private readonly limits: Required<RunLimits>;
  private readonly meter: Meter;
  private readonly marker: Marker;
  private readonly variables: SharedVariables;
  private readonly chain: string[];
  private readonly history: ChatCompletionMessageParam[];
  private persona: Persona;
  private tools = new Map<string, AgentTool>();
  private toolCallsLeft: number;

  constructor(given: Conversed) {
    const { persona, subtask, context } = given;
    const { definition } = persona;
    this.given = given;
    this.persona = persona;
    this.limits = { ...DEFAULTS, ...definition.limits };
    this.toolCallsLeft = this.limits.maxToolCalls;
    this.meter = new Meter(subtask, context);
    this.marker = markerFor(given);
    const handed = conversationOf(subtask.data);
    this.variables = new SharedVariables(
      definition.context?.propagate ?? 'all',
      handed?.contextVariables ?? {},
      initialOf(subtask),
    );
    this.chain = [...(handed?.chain ?? []), persona.id];
    this.history = [{ role: 'user', content: subtaskText(given, this.marker) }];
  }

  async run(): Promise<Json> {
    await this.enter(this.persona);
    const { maxTurns } = this.limits;
    for (let turn = 1; turn <= maxTurns; turn += 1) {
      const mayCall = turn < maxTurns && this.toolCallsLeft > 0;
      const answer = await this.ask(turn, mayCall);
      if (answer.toolCalls.length === 0) return await this.deliverable(answer);
      if (!mayCall) break;
      const awarded = await this.carryOut(answer.toolCalls);
      if (awarded !== undefined) return awarded;
    }
    throw new ThinkingFault('MAX_TURNS', `no answer within ${maxTurns} turns.`);
  }

  private async enter(persona: Persona): Promise<void> {
    this.variables.enter(persona);
    this.persona = persona;
    const tools = await this.given.toolsOf(persona);
    this.tools = new Map(tools.map((tool) => [tool.name, tool]));
  }

  private ask(turn: number, mayCall: boolean, schema?: Record<string, unknown>): Promise<ChatAnswer> {
    const { subtask, context } = this.given;
    const share = 95 / (this.limits.maxTurns + 1);
    return this.answered(
      askModel(
        this.persona,
        {
          messages: [{ role: 'system', content: this.system(mayCall) }, ...this.history],
          tools: mayCall ? [...this.tools.values()].map(specOf) : [],
          // Servers that hold an answer to a schema by grammar would leave no room for calls.
          schema: mayCall && this.tools.size > 0 ? undefined : (schema ?? this.given.schema),
          complexity: subtask.complexity,
          cache: cacheRuleFor(this.persona.definition, subtask),
          span: [(turn - 1) * share, turn * share],
        },
        context,
        this.meter,
      ),
    );
  }

  private async answered(asked: Promise<ChatAnswer>): Promise<ChatAnswer> {
    const answer = await asked;
    this.history.push({
      role: 'assistant',
      content: answer.text,
      ...(answer.toolCalls.length === 0
        ? {}
        : {
            tool_calls: answer.toolCalls.map((call) => ({
              id: call.id,
              type: 'function' as const,
              function: { name: call.name, arguments: call.arguments },
            })),
          }),
    });
    return answer;
  }

  private system(mayCall: boolean): string {
    const { instructions } = this.persona.definition;
    const own =
      typeof instructions === 'string'
        ? instructions
        : instructions(this.variables.readableBy(this.persona), this.given.subtask);
    const text = systemText(own, this.marker.tag, { schema: this.given.schema });
    return mayCall || this.tools.size === 0 ? text : `${text}\n\nNo more tool calls: give your last answer now.`;
  }

  /** Invariants 2 and 3. A value if the market had the rest done. */
  private async carryOut(calls: readonly ToolRequest[]): Promise<Json | undefined> {
    const outcomes = await this.runAll(calls);
    let target: HandoffTarget | undefined;
    let reason = '';
    for (const { call, result } of outcomes) {
      this.variables.change(this.persona, result.contextVariables);
      let value = result.value;
      if (result.agent !== undefined) {
        const verdict = await this.judge(result.agent, call, target !== undefined);
        if (verdict === null) {
          target = result.agent;
          reason = reasonIn(call);
          value ??= `Handed on to ${result.agent.id}.`;
        } else value = { error: verdict };
      }
      this.history.push({ role: 'tool', tool_call_id: call.id, content: this.markedAnswer(call, value) });
    }
    return target === undefined ? undefined : await this.handOn(target, reason);
  }

  private async runAll(calls: readonly ToolRequest[]): Promise<ToolOutcome[]> {
    const runs = calls.map((call, index) => () => this.runOne(call, index));
    if (this.limits.parallelTools) return Promise.all(runs.map((run) => run()));
    const outcomes: ToolOutcome[] = [];
    for (const run of runs) outcomes.push(await run());
    return outcomes;
  }

  private runOne(call: ToolRequest, index: number): Promise<ToolOutcome> {
    this.toolCallsLeft -= 1;
    if (this.toolCallsLeft < 0) {
      const error = `This call was not carried out: the limit of ${this.limits.maxToolCalls} is used up.`;
      return Promise.resolve({ call, result: new ToolResult({ value: { error } }) });
    }
    return runTool(this.tools, call, this.toolContext(call, index));
  }

  private toolContext(call: ToolRequest, index: number): ToolContext {
    const { subtask, context } = this.given;
    return {
      signal: context.signal,
      log: context.log,
      market: context.market,
      agentId: this.persona.id,
      subtask,
      contextVariables: this.variables.readableBy(this.persona),
      idempotencyKey: `${context.idempotencyKey}_${this.history.length}_${index}_${call.name}`,
    };
  }

  private markedAnswer(call: ToolRequest, value: unknown): string {
    const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
    return this.marker.mark(
      `answer of the tool ${this.tools.has(call.name) ? call.name : ''}`.trim(),
      text,
      MAX_TOOL_ANSWER_CHARS,
    );
  }

  /** Null if the handoff may be made; else what the model is told. Both are recorded. */
  private async judge(to: HandoffTarget, call: ToolRequest, another: boolean): Promise<string | null> {
    if (another) return 'The conversation has been handed on already by another call of the same answer.';
    const judgement = judgeHandoff(this.chain, to.id, this.limits);
    await this.given.context.market.recordHandoff({
      from: this.persona.id,
      to: to.id,
      refused: judgement.allowed ? null : judgement.refusal,
      reason: reasonIn(call),
    });
    return judgement.allowed ? null : judgement.message;
  }

  private async handOn(target: HandoffTarget, reason: string): Promise<Json | undefined> {
    if (target instanceof BestBidder) return this.handToMarket(target, reason);
    const next = personaOf(target);
    if (next === undefined)
      throw new Error(`"${target.id}" does not think with a model: it cannot take a conversation`);
    this.variables.handOn(this.persona, next);
    this.chain.push(next.id);
    await this.enter(next);
    return undefined;
  }

  private async handToMarket(target: BestBidder, reason: string): Promise<Json> {
    const { subtask, context } = this.given;
    const handedBack = await context.market.award(
      {
        skills: [...target.skills],
        description: subtask.description ?? reason,
        conversation: {
          chain: this.chain,
          messages: this.history.flatMap((message) => spoken(message, this.persona.id)),
          contextVariables: this.variables.handOut(this.persona),
        },
        timeoutMs: Math.max(HAND_BACK_MS, subtask.timeoutMs - HAND_BACK_MS),
        budget: this.meter.left(),
      },
      context.signal,
    );
    this.meter.add(handedBack.usage);
    if (!handedBack.ok) throw new Error(`Nobody of the market went on with the conversation: ${handedBack.error}`);
    return handedBack.value;
  }

  /** Invariant 5. */
  private async deliverable(answer: ChatAnswer): Promise<Json> {
    const fault = this.faultOf(answer);
    if (fault === null) return this.valueOf(answer);
    this.history.push({
      role: 'user',
      content: `That cannot be delivered: ${this.marker.mark('fault', fault, HANDED_CHARS)}\nAnswer once more, with the whole JSON and nothing else.`,
    });
    const repaired = await this.ask(this.limits.maxTurns + 1, false);
    const left = this.faultOf(repaired);
    if (left === null) return this.valueOf(repaired);
    throw new ThinkingFault('NO_VALID_ANSWER', `the model's answer cannot be delivered, also after a repair: ${left}`);
  }

  private faultOf(answer: ChatAnswer): string | null {
    if (answer.text.trim() === '') return 'the answer is empty';
    const { schema } = this.given;
    if (schema === undefined) return null;
    const cut = answer.finishReason === 'length' ? ' (it was cut at the limit of tokens)' : '';
    const value = jsonIn(answer.text);
    if (value === undefined) return `it holds no JSON${cut}`;
    const fault = argumentFaults(schema, value);
    return fault === null ? null : `${fault}${cut}`;
  }

  private valueOf(answer: ChatAnswer): Json {
    const text = answer.text.trim();
    if (this.given.schema !== undefined || /^[[{]/.test(text)) return jsonIn(text) ?? text;
    return text;
  }
}

function initialOf(subtask: SubtaskInput) {
  return ({ definition: { contextVariables = {} } }: Persona) =>
    typeof contextVariables === 'function' ? contextVariables(subtask) : contextVariables;
}

const specOf = ({ name, description, parameters }: AgentTool) => ({ name, description, parameters });

function reasonIn(call: ToolRequest): string {
  const args = jsonIn(call.arguments);
  const reason = typeof args === 'object' && args !== null && !Array.isArray(args) ? args['reason'] : undefined;
  return typeof reason === 'string' ? reason : '';
}

/** What was said in words, for somebody who has neither our tools nor our marks. */
function spoken(message: ChatCompletionMessageParam, agentId: string): { from: string; text: string }[] {
  if (message.role !== 'assistant' || typeof message.content !== 'string' || message.content === '') return [];
  return [{ from: agentId, text: message.content.slice(0, HANDED_CHARS) }];
}
