import jsonata from 'jsonata';
import { builtInAgents, builtInSkills } from '../../../src/agents/builtin/index.ts';
import type { AgentDefinition, ExecutionContext, SubtaskInput } from '../../../src/contracts/agent-definition.ts';
import type { Json } from '../../../src/util/json.ts';
import { FakeMarket } from '../../support/fake-agent-market.ts';

const TYPE = 'email_campaign_with_analytics';
const TASK_ID = '01936d1e-0000-7000-8000-000000000001';

export interface Delivered {
  [section: string]: unknown;
  assumptions: string[];
}

export interface Progress {
  percent: number;
  note: string | undefined;
}

export function agentFor(skill: string): AgentDefinition {
  const agent = builtInAgents.find(({ skills }) => skills.includes(skill));
  if (agent === undefined) throw new Error(`no built-in agent has ${skill}`);
  return agent;
}

export function subtaskOf(skills: string[], data: Record<string, unknown>, team: string[] = []): SubtaskInput {
  return {
    id: `${TASK_ID}-0`,
    taskId: TASK_ID,
    type: TYPE,
    skill: skills[0] ?? null,
    skills,
    complexity: 'simple',
    data,
    team: team.map((agentId) => ({ agentId, skills: [] })),
    timeoutMs: 60_000,
  };
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A context whose `ask` is answered by the built-in agents themselves, through JSON as on the bus. */
export function contextFor(
  subtask: SubtaskInput,
  options: { ask?: ExecutionContext['ask']; signal?: AbortSignal; progress?: Progress[] } = {},
): ExecutionContext {
  const signal = options.signal ?? new AbortController().signal;
  const askBuiltIn: ExecutionContext['ask'] = async (agentId, topic, data) =>
    messageTo(agentId, topic, subtask.data, data);
  return {
    signal,
    log: silent,
    attempt: 1,
    idempotencyKey: `sub_${subtask.id}`,
    progress: (percent, note) => options.progress?.push({ percent, note }),
    usage: () => undefined,
    madeBy: () => undefined,
    market: new FakeMarket(),
    ask: options.ask ?? askBuiltIn,
    publish: () => undefined,
  };
}

/** What `onMessage` of a built-in agent answers, as its asker sees it. */
export async function messageTo(
  agentId: string,
  topic: string,
  data: Record<string, unknown>,
  question: Json = {},
): Promise<Json> {
  const agent = builtInAgents.find(({ id }) => id === agentId);
  const answer: unknown = await agent?.onMessage?.(
    { id: 'm1', taskId: TASK_ID, from: 'asker', to: agentId, topic, data: question },
    { signal: new AbortController().signal, log: silent, task: { id: TASK_ID, type: TYPE, data } },
  );
  return JSON.parse(JSON.stringify(answer)) as Json;
}

/** What the built-in agent of the first skill delivers, as JSON. */
export async function deliver(
  skills: string[],
  data: Record<string, unknown>,
  options: Parameters<typeof contextFor>[1] & { team?: string[] } = {},
): Promise<Delivered> {
  const subtask = subtaskOf(skills, data, options.team);
  const value: unknown = await agentFor(skills[0] ?? 'marketing').execute(subtask, contextFor(subtask, options));
  return JSON.parse(JSON.stringify(value)) as Delivered;
}

/** The names of a skill's checks that do not hold, by plain JSONata. */
export async function brokenChecks(skillId: string, data: Record<string, unknown>, value: unknown): Promise<string[]> {
  const skill = builtInSkills.find(({ id }) => id === skillId);
  if (skill === undefined) throw new Error(`no record of ${skillId}`);
  const broken: string[] = [];
  for (const { name, expression } of skill.checks) {
    if (!(await holds(expression, { task: { id: TASK_ID, type: TYPE, data }, value }))) broken.push(name);
  }
  return broken;
}

async function holds(expression: string, input: unknown): Promise<boolean> {
  const compiled = jsonata(expression);
  try {
    return (await compiled.evaluate(input)) === true;
  } catch {
    return false;
  }
}
