import type { Colors, Paint } from './colors.ts';
import type { TaskEvent } from '../sdk/index.ts';
import { numberField, recordField, recordsField, textField, textsField, type Fields } from './event-fields.ts';
import {
  formatDuration,
  formatList,
  formatNumber,
  formatPercent,
  formatSigned,
  formatWarning,
  subtaskLabel,
} from './format.ts';

/** What a reader of one event knows besides it. */
export interface EventContext {
  colors: Colors;
  /** The skills that a subtask answers for, or its step; empty where they are not known (they come with its start). */
  skillsOf(subtaskId: string): readonly string[];
}

type Part = string | undefined;
type Render = (data: Fields, context: EventContext) => string[];

const renderers: Record<TaskEvent['type'], Render> = {
  'task.accepted': (data) => [
    say('accepted', [
      textField(data, 'type'),
      textField(data, 'priority'),
      textField(data, 'complexity'),
      stepsOf(data),
    ]),
  ],
  'task.announced': renderAnnounced,
  'bids.received': renderBids,
  'task.awarded': renderAwarded,
  'subtask.started': (data, context) => [say('started', [labelOf(data, context), agentOf(data), attemptOf(data)])],
  'subtask.progress': (data, context) => [
    say('progress', [labelOf(data, context), percentOf(data), textField(data, 'note')]),
  ],
  'subtask.accepted': (data, context) => [
    say('accepted', [labelOf(data, context), agentOf(data), qualityOf(data), durationOf(data)], context.colors.green),
  ],
  'subtask.failed': (data, context) => [
    say('failed', [labelOf(data, context), agentOf(data), attemptOf(data), failureOf(data)], context.colors.red),
  ],
  'subtask.reassigned': (data, context) => [
    textField(data, 'reason') === 'SENT_BACK' || textField(data, 'reason') === 'INPUT_TAKEN_BACK'
      ? say('again', [labelOf(data, context), iterationOf(data), textField(data, 'reason')], context.colors.yellow)
      : say('reassigned', [labelOf(data, context), handoverOf(data), attemptOf(data)], context.colors.yellow),
  ],
  'subtask.skipped': (data, context) => [
    say('skipped', [labelOf(data, context), skipReasonOf(data)], context.colors.dim),
  ],
  'task.synthesizing': () => [say('synthesis', ['deliveries are checked against each other and put together'])],
  'validation.warning': (data, { colors }) => [
    say(
      'warning',
      [formatWarning(textField(data, 'rule') ?? '?', textField(data, 'message') ?? ''), blameOf(data)],
      colors.yellow,
    ),
  ],
  'message.sent': (data) => [
    say('message', [
      `${textField(data, 'from') ?? '?'} → ${textField(data, 'to') ?? 'the team'}`,
      textField(data, 'topic'),
    ]),
  ],
  'task.escalated': (data, { colors }) => [
    say('escalated', ['a person must decide', textField(data, 'reason'), textField(data, 'message')], colors.yellow),
  ],
  'reputation.changed': renderReputation,
  'task.completed': (_data, { colors }) => [say('completed', ['the task'], colors.green)],
  'task.failed': (data, { colors }) => [say('failed', ['the task', failureOf(data)], colors.red)],
  'task.cancelled': (_data, { colors }) => [say('cancelled', ['the task'], colors.yellow)],
  'task.expired': (_data, { colors }) => [say('expired', ['the task: its deadline has passed'], colors.red)],
};

/** One event in words: one line or more, without its time. A type that this version does not know is named as it is. */
export function renderEvent(event: TaskEvent, context: EventContext): string[] {
  const render = (renderers as Partial<Record<string, Render>>)[event.type];
  return render === undefined ? [say(event.type, [])] : render(event.data, context);
}

/** Puts the seconds since `startMs` (of the Unix epoch) before the first line, and indents the others alike. */
export function withTime(event: TaskEvent, startMs: number, lines: readonly string[]): string[] {
  const seconds = Math.max(0, Date.parse(event.at) - startMs) / 1000;
  const stamp = `${seconds.toFixed(3)} s`.padStart(9);
  return lines.map((line, index) => `${index === 0 ? stamp : ' '.repeat(stamp.length)}  ${line}`);
}

/** A word in its column, then what is known of it. */
function say(word: string, parts: readonly Part[], paint: Paint = String): string {
  const known = parts.filter((part) => part !== undefined && part !== '');
  return `${paint(word.padEnd(10))}  ${known.join(' · ')}`.trimEnd();
}

function renderAnnounced(data: Fields, context: EventContext): string[] {
  const skills = textsField(data, 'requiredSkills');
  const part = textField(data, 'subtaskId') === undefined ? undefined : labelOf(data, context);
  return [say('announced', [roundOf(data), part, skills.length === 0 ? undefined : `wants ${formatList(skills)}`])];
}

function renderBids(data: Fields, { colors }: EventContext): string[] {
  const pool = textField(data, 'pool');
  const inPool = pool === undefined ? undefined : `pool ${pool}`;
  const listed = recordsField(data, 'passes');
  const unlisted = sumOf(recordField(data, 'passCounts')) - listed.length;
  const lines = [
    ...recordsField(data, 'bids').map((bid) =>
      say('bid', [agentOf(bid), inPool, ...offerOf(bid, colors)], colors.cyan),
    ),
    ...listed.map((pass) => say('pass', [agentOf(pass), inPool, textField(pass, 'reason')], colors.dim)),
  ];
  if (unlisted > 0) lines.push(say('pass', [`${unlisted} more`, inPool], colors.dim));
  return lines.length === 0 ? [say('no bids', [inPool], colors.dim)] : lines;
}

function offerOf(bid: Fields, colors: Colors): Part[] {
  return [
    scoreOf(bid),
    numberPart(bid, 'rank', (rank) => `rank ${rank}`),
    numberPart(bid, 'confidence', (confidence) => `confidence ${formatNumber(confidence)}`),
    numberPart(bid, 'estimatedMs', (ms) => `estimates ${formatDuration(ms)}`),
    numberPart(bid, 'estimatedCostUsd', (costUsd) => `estimates $${formatNumber(costUsd, 4)}`),
    textPart(bid, 'refused', (refusal) => colors.red(`refused: ${refusal}`)),
  ];
}

/** The score's summands, each with the value that it comes from. */
function scoreOf(bid: Fields): Part {
  const parts = recordField(bid, 'parts');
  const summands = [
    partOf(
      parts,
      'reputation',
      numberPart(bid, 'reputation', (value) => `reputation ${formatNumber(value)}`),
    ),
    partOf(
      parts,
      'skillMatch',
      numberPart(bid, 'skillMatch', (value) => `skill match ${formatNumber(value)}`),
    ),
    partOf(
      parts,
      'load',
      numberPart(bid, 'loadPercent', (value) => `load ${formatPercent(value)}`),
    ),
  ].filter((summand) => summand !== undefined);
  return numberPart(bid, 'score', (score) => `${formatNumber(score)} = ${summands.join(' + ')}`);
}

function partOf(parts: Fields, name: string, source: Part): Part {
  return numberPart(parts, name, (value) =>
    source === undefined ? formatNumber(value) : `${formatNumber(value)} (${source})`,
  );
}

function renderAwarded(data: Fields, context: EventContext): string[] {
  const { colors } = context;
  const team = recordsField(data, 'team');
  const awards = recordsField(data, 'awards');
  return [
    say('awarded', [roundOf(data), textPart(data, 'policy', (policy) => `by policy ${policy}`)], colors.green),
    ...(team.length < 2
      ? []
      : team.map((member) => say('team', [agentOf(member), formatList(textsField(member, 'skills'), '')]))),
    ...awards.map((award) =>
      say('award', [`${labelOf(award, context) ?? '?'} → ${agentOf(award) ?? '?'}`, attemptOf(award)], colors.green),
    ),
  ];
}

function renderReputation(data: Fields, { colors }: EventContext): string[] {
  const before = numberField(data, 'before');
  const after = numberField(data, 'after');
  const change =
    before === undefined || after === undefined ? undefined : `${formatNumber(before)} → ${formatNumber(after)}`;
  const paint = (numberField(data, 'delta') ?? 0) < 0 ? colors.red : colors.green;
  const delta = numberPart(data, 'delta', (value) => paint(formatSigned(value)));
  return [say('reputation', [agentOf(data), change, delta, textField(data, 'tier'), textField(data, 'reason')])];
}

function numberPart(fields: Fields, name: string, format: (value: number) => string): Part {
  const value = numberField(fields, name);
  return value === undefined ? undefined : format(value);
}

function textPart(fields: Fields, name: string, format: (value: string) => string): Part {
  const value = textField(fields, name);
  return value === undefined ? undefined : format(value);
}

function labelOf(data: Fields, context: Pick<EventContext, 'skillsOf'>): Part {
  const step = textField(data, 'stepId');
  const own = step === undefined ? textsField(data, 'skills') : [step];
  return textPart(data, 'subtaskId', (id) => subtaskLabel(id, own.length > 0 ? own : context.skillsOf(id)));
}

const agentOf = (data: Fields): Part => textField(data, 'agentId');
const roundOf = (data: Fields): Part => numberPart(data, 'round', (round) => `round ${round}`);
const attemptOf = (data: Fields): Part => numberPart(data, 'attempt', (attempt) => `attempt ${attempt}`);
const iterationOf = (data: Fields): Part => numberPart(data, 'iteration', (iteration) => `iteration ${iteration}`);
const percentOf = (data: Fields): Part => numberPart(data, 'percent', formatPercent);
const durationOf = (data: Fields): Part => numberPart(data, 'durationMs', formatDuration);

function qualityOf(data: Fields): Part {
  const source = textField(data, 'qualitySource');
  return numberPart(
    data,
    'quality',
    (quality) => `quality ${formatNumber(quality)}${source === undefined ? '' : ` by ${source}`}`,
  );
}

function stepsOf(data: Fields): Part {
  const steps = textsField(data, 'steps');
  return steps.length === 0 ? undefined : `steps ${formatList(steps)}`;
}

function skipReasonOf(data: Fields): Part {
  return textField(data, 'reason') === 'CONDITION'
    ? 'its condition does not hold'
    : 'all that it depends on was skipped';
}

function blameOf(data: Fields): Part {
  const blame = textsField(data, 'blame');
  return blame.length === 0 ? undefined : `blamed: ${formatList(blame)}`;
}

/** A failure is `{code, message}`, in the event itself or as its `error`. */
function failureOf(data: Fields): Part {
  const failure = textField(data, 'code') === undefined ? recordField(data, 'error') : data;
  const uncovered = textsField(failure, 'uncoveredSkills');
  const parts = [textField(failure, 'code') ?? textField(data, 'reason'), textField(failure, 'message')];
  if (uncovered.length > 0) parts.push(`uncovered: ${formatList(uncovered)}`);
  return parts.filter((part) => part !== undefined).join(' · ');
}

function handoverOf(data: Fields): Part {
  const to = textField(data, 'to') ?? agentOf(data);
  const from = textField(data, 'from');
  return from === undefined ? to : `${from} → ${to ?? '?'}`;
}

function sumOf(counts: Fields): number {
  return Object.keys(counts).reduce((sum, name) => sum + (numberField(counts, name) ?? 0), 0);
}
