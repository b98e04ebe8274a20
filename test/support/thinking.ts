import { createThinkingAgent } from '../../src/agents/thinking/create-thinking-agent.ts';
import type { ScriptedModelServer, ScriptedRequest } from '../../src/agents/thinking/scripted-model-server.ts';
import type { ThinkingAgentDefinition } from '../../src/agents/thinking/thinking-agent.ts';
import type { AgentDefinition, ExecutionContext, SubtaskInput } from '../../src/contracts/agent-definition.ts';
import type { Maker, Usage } from '../../src/contracts/task.ts';
import { FakeMarket } from './fake-agent-market.ts';

/** A subtask of the skill `writing`. */
function subtaskWith(part: Partial<SubtaskInput> = {}): SubtaskInput {
  return {
    id: 't1-0',
    taskId: 't1',
    type: 'letter',
    skill: 'writing',
    skills: ['writing'],
    complexity: 'simple',
    data: {},
    team: [],
    timeoutMs: 10_000,
    ...part,
  };
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A context that keeps what an agent tells it. */
export class WatchedContext implements ExecutionContext {
  readonly market = new FakeMarket();
  readonly log = silent;
  readonly attempt = 1;
  readonly idempotencyKey = 'sub_t1-0';
  readonly notes: string[] = [];
  readonly percents: number[] = [];
  readonly makers: Maker[] = [];
  used: Usage = { inputTokens: 0, outputTokens: 0, costUsd: 0 };
  readonly controller = new AbortController();
  readonly signal = this.controller.signal;

  progress(percent: number, note?: string): void {
    this.percents.push(percent);
    if (note !== undefined) this.notes.push(note);
  }

  usage(more: Partial<Usage>): void {
    this.used = {
      inputTokens: this.used.inputTokens + (more.inputTokens ?? 0),
      outputTokens: this.used.outputTokens + (more.outputTokens ?? 0),
      costUsd: this.used.costUsd + (more.costUsd ?? 0),
    };
  }

  madeBy(maker: Maker): void {
    this.makers.push(maker);
  }

  ask(): Promise<never> {
    return Promise.reject(new Error('nobody is asked here'));
  }

  publish(): void {}
}

type Part = Partial<ThinkingAgentDefinition>;

/** An agent of the skill `writing` on the scripted server. */
export function writerOn(server: ScriptedModelServer, part: Part = {}): Readonly<AgentDefinition> {
  const definition = { id: 'writer', skills: ['writing'], instructions: 'You write.', ...part };
  return createThinkingAgent(definition, { baseUrl: server.baseUrl, model: 'scripted' });
}

export async function deliver(
  agent: AgentDefinition,
  part: Partial<SubtaskInput> = {},
  context = new WatchedContext(),
): Promise<{ value: unknown; context: WatchedContext }> {
  return { value: await agent.execute(subtaskWith(part), context), context };
}

/** What the tools answered in the last request, as the model sees it, without the marks. */
export function toolAnswers(request: ScriptedRequest | undefined): string[] {
  return (request?.messages ?? [])
    .filter((message) => message.role === 'tool')
    .map((message) => (message.content ?? '').split('\n').slice(1, -1).join('\n'));
}

export function systemOf(request: ScriptedRequest | undefined): string {
  return request?.messages[0]?.content ?? '';
}

export function toolNames(request: ScriptedRequest | undefined): string[] {
  return (request?.tools ?? []).map((tool) => tool.function.name);
}
