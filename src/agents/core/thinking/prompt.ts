import type { SubtaskInput } from '../../../contracts/agent-definition.ts';
import type { HandedConversation, Memory } from '../../../contracts/agent-market.ts';
import type { Skill } from '../../../contracts/skill.ts';
import { markingRule, type Marker } from './marked-data.ts';

const MAX_DESCRIPTION_CHARS = 32_000;
/** About 3,000 tokens: with a draft as long, and the rest, it fits into a context window of 8,000. */
export const MAX_DATA_CHARS = 12_000;
const MAX_MEMORY_CHARS = 2_000;
const MAX_HANDED_CHARS = 4_000;

/** The agent's own words, then what the market asks of any agent. */
export function systemText(instructions: string, tag: string, rest: { schema: Record<string, unknown> | undefined }) {
  return [
    instructions.trim(),
    markingRule(tag),
    rest.schema === undefined
      ? 'Your last answer, without tool calls, is what you deliver.'
      : 'Your last answer, without tool calls, is what you deliver: JSON alone, with no words around it, that satisfies ' +
        `this JSON Schema:\n${JSON.stringify(rest.schema)}`,
  ].join('\n\n');
}

export interface Given {
  subtask: SubtaskInput;
  skills: readonly Skill[];
  memories: readonly Memory[];
  /** What an agent of rules has worked out already. */
  draft?: unknown;
}

/** The subtask for the model: our frame, and in it, marked, what others wrote. */
export function subtaskText(given: Given, marker: Marker): string {
  const { subtask, skills, memories, draft } = given;
  const wanted = subtask.skills.length === 0 ? 'no skill in particular' : subtask.skills.join(', ');
  const handed = conversationOf(subtask.data);
  return [
    `You have been awarded a subtask of a task of type ${subtask.type}. Skills wanted: ${wanted}.`,
    ...skills.filter((skill) => skill.description !== '').map((skill) => `${skill.id}: ${skill.description}`),
    ...(subtask.description === undefined
      ? []
      : [marker.mark('task description', subtask.description, MAX_DESCRIPTION_CHARS)]),
    ...(subtask.team.length === 0 ? [] : [`Your team mates: ${subtask.team.map(teamMate).join('; ')}.`]),
    marker.mark('task data', dataText(subtask.data), MAX_DATA_CHARS),
    ...(draft === undefined ? [] : [marker.mark('draft by rules', JSON.stringify(draft, null, 1), MAX_DATA_CHARS)]),
    ...memories.map((memory) => marker.mark(`memory of ${memory.at}`, memory.text, MAX_MEMORY_CHARS)),
    ...(handed === undefined
      ? []
      : handed.messages.map((one) =>
          marker.mark('earlier conversation', `${one.from}: ${one.text}`, MAX_HANDED_CHARS),
        )),
  ].join('\n\n');
}

/** The task's data as the model sees it: without the conversation, which is shown as such. */
export function dataText(data: Record<string, unknown>): string {
  const handed = conversationOf(data) !== undefined;
  const shown = Object.entries(data).filter(([name]) => !handed || name !== 'handoff');
  return JSON.stringify(Object.fromEntries(shown), null, 1);
}

function teamMate(mate: SubtaskInput['team'][number]): string {
  return `${mate.agentId} (${mate.skills.join(', ')})`;
}

/** What a task brings whose work began elsewhere. Anybody may submit such data: it is believed nothing beyond its shape. */
export function conversationOf(data: Record<string, unknown>): HandedConversation | undefined {
  const handed = data['handoff'];
  if (typeof handed !== 'object' || handed === null) return undefined;
  const { chain, messages, contextVariables } = handed as Partial<Record<keyof HandedConversation, unknown>>;
  if (!isTexts(chain) || !Array.isArray(messages) || !messages.every(isMessage)) return undefined;
  return {
    chain,
    messages: messages.slice(-MAX_HANDED_MESSAGES),
    contextVariables: isVariables(contextVariables) ? contextVariables : {},
  };
}

const MAX_HANDED_MESSAGES = 20;

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= 100 && value.every((one) => typeof one === 'string');
}

function isMessage(value: unknown): value is HandedConversation['messages'][number] {
  if (typeof value !== 'object' || value === null) return false;
  const { from, text } = value as Record<string, unknown>;
  return typeof from === 'string' && typeof text === 'string';
}

function isVariables(value: unknown): value is HandedConversation['contextVariables'] {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
