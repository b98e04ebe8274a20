import { campaignDigest } from './campaign-digest.ts';
import type { Colors } from './colors.ts';
import type { TaskResult, TaskView } from '../sdk/index.ts';
import { cutAtWord, formatDuration, formatList, formatNumber, printable, warningLines } from './format.ts';

const SHOWN_ITEMS = 3;
const SHOWN_CHARACTERS = 150;
const SHORT_CHARACTERS = 60;

type Part = Pick<
  TaskView['subtasks'][number],
  'skills' | 'madeBy' | 'stepId' | 'status' | 'agentId' | 'iteration' | 'waitsFor' | 'error'
>;
type Ended = Pick<TaskView, 'id' | 'status' | 'error' | 'result' | 'usage'> & { subtasks?: Part[] };

/** How a task ended: its result or its error, warnings and usage. */
export function renderOutcome(task: Ended, colors: Colors): string[] {
  const paint = task.status === 'completed' ? colors.green : colors.red;
  return [
    `Task ${task.id} ${paint(task.status)}`,
    ...(task.error === undefined ? [] : [`  ${task.error.code}: ${printable(task.error.message)}`]),
    ...(task.error?.uncoveredSkills === undefined
      ? []
      : [`  uncovered skills: ${formatList(task.error.uncoveredSkills)}`]),
    ...renderSteps(task, colors),
    ...(task.result === undefined ? [] : renderResult(task.result, task, colors)),
    ...renderUsage(task),
  ];
}

/** What made each section, where its agent said so. */
function makersOf({ subtasks = [] }: Ended): ReadonlyMap<string, string> {
  return new Map(
    subtasks.flatMap(({ skills, stepId, madeBy }) =>
      madeBy === undefined
        ? []
        : [...skills, ...(stepId === undefined ? [] : [stepId])].map((name) => [name, renderMaker(madeBy)] as const),
    ),
  );
}

function renderMaker({ method, model, endpoint }: NonNullable<TaskView['subtasks'][number]['madeBy']>): string {
  return method === 'rules' ? 'by rules' : printable(`by the model ${model ?? '?'} at ${endpoint ?? '?'}`);
}

function renderResult(result: TaskResult, task: Ended, colors: Colors): string[] {
  const steps = stepIdsOf(task);
  const makers = makersOf(task);
  const quality = result.quality === null ? 'not measured' : formatNumber(result.quality);
  return [
    `  success ${result.success ? colors.green('yes') : colors.red('no')} · quality ${quality} · by ${formatList(result.contributors)}`,
    `  took ${formatDuration(result.durationMs)}; its parts one after the other: ${formatDuration(result.sequentialMs)} (${formatNumber(result.speedup)} ×)`,
    ...renderWarnings(result, colors),
    // Deliveries of steps stand there twice: by their skills too.
    ...Object.entries(result.sections)
      .filter(([name]) => steps.length === 0 || steps.includes(name))
      .flatMap(([name, value]) => renderSection(name, value, makers.get(name), colors)),
  ];
}

const stepIdsOf = ({ subtasks = [] }: Ended) => subtasks.flatMap(({ stepId }) => stepId ?? []);

/** A line for each step: how it ended and by whom, or what it waits for. */
function renderSteps(task: Ended, colors: Colors): string[] {
  const width = Math.max(0, ...stepIdsOf(task).map((id) => id.length));
  return (task.subtasks ?? []).flatMap(({ stepId, status, agentId, iteration = 1, waitsFor = [], error }) => {
    if (stepId === undefined) return [];
    const paint = status === 'accepted' ? colors.green : status === 'skipped' ? colors.dim : colors.red;
    const parts = [
      agentId ?? '',
      iteration > 1 ? `iteration ${iteration}` : '',
      waitsFor.length === 0 ? '' : `waits for ${formatList(waitsFor)}`,
      error === undefined ? '' : `${error.code}: ${printable(error.message)}`,
    ].filter((part) => part !== '');
    return [`  ${stepId.padEnd(width)}  ${paint(status.padEnd(9))}  ${parts.join(' · ')}`.trimEnd()];
  });
}

function renderWarnings(result: TaskResult, colors: Colors): string[] {
  return result.warnings.flatMap((warning) => {
    const [rule = '', ...details] = warningLines(warning);
    return [`  ${colors.yellow(`warning: ${rule}`)}`, ...details.map((line) => `    ${line}`)];
  });
}

function renderUsage({ usage }: Ended): string[] {
  if (usage.inputTokens === 0 && usage.outputTokens === 0 && usage.costUsd === 0) return [];
  return [
    `  used ${usage.inputTokens} input and ${usage.outputTokens} output tokens, $${formatNumber(usage.costUsd, 4)}`,
  ];
}

/** A delivery in a few lines; the whole is in the task. */
function renderSection(skill: string, value: unknown, maker: string | undefined, colors: Colors): string[] {
  const lines = campaignDigest(skill, value) ?? summaryOf(value);
  return [
    `  ${colors.bold(printable(skill))}${maker === undefined ? '' : colors.dim(` (${maker})`)}`,
    ...[...lines, ...renderAssumptions(value)].map((line) => `    ${cutAtWord(printable(line), SHOWN_CHARACTERS)}`),
  ];
}

/** What the agent took for granted; each as far as a line goes. */
function renderAssumptions(value: unknown): string[] {
  const given = isRecord(value) ? value['assumptions'] : undefined;
  const assumptions = Array.isArray(given) ? given.filter((one) => typeof one === 'string') : [];
  const more = assumptions.length - SHOWN_ITEMS;
  return [
    ...assumptions.slice(0, SHOWN_ITEMS).map((assumption) => `assumed: ${assumption}`),
    ...(more > 0 ? [`assumed: ${more} more`] : []),
  ];
}

/** A delivery of any shape: its short values on a line, its texts, then what is nested in it, one line an item. */
function summaryOf(value: unknown): string[] {
  if (Array.isArray(value)) return renderItems('item', value);
  if (!isRecord(value)) return [brief(value)];
  const fields = Object.entries(value).filter(([name]) => name !== 'assumptions');
  const plain = fields.filter(([, field]) => !isNested(field)).map(([name, field]) => `${name} ${brief(field)}`);
  const short = plain.filter(isShort);
  return [
    ...(short.length === 0 ? [] : [short.join(' · ')]),
    ...plain.filter((field) => !isShort(field)),
    ...fields.filter(([, field]) => isNested(field)).flatMap(([name, field]) => renderNested(name, field)),
  ];
}

function renderNested(name: string, field: unknown): string[] {
  return Array.isArray(field) ? renderItems(name, field) : [`${name}: ${brief(field)}`];
}

function renderItems(name: string, items: readonly unknown[]): string[] {
  if (items.length === 0) return [`${name}: none`];
  const shown = items.slice(0, SHOWN_ITEMS).map((item) => `${name}: ${brief(item)}`);
  return items.length > SHOWN_ITEMS ? [...shown, `${name}: ${items.length - SHOWN_ITEMS} more`] : shown;
}

/** Of a record its short values; where there is none, its first text; where there is none either, the names in it. */
function brief(value: unknown): string {
  if (typeof value === 'number') return formatNumber(value, 4);
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.length === 1 ? '1 item' : `${value.length} items`;
  if (!isRecord(value)) return String(value);
  const plain = Object.entries(value)
    .filter(([, field]) => !isNested(field))
    .map(([name, field]) => `${name} ${brief(field)}`);
  const short = plain.filter(isShort);
  if (short.length > 0) return short.join(' · ');
  return plain[0] ?? formatList(Object.keys(value), 'empty');
}

function isShort(text: string): boolean {
  return text.length <= SHORT_CHARACTERS;
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return isNested(value) && !Array.isArray(value);
}
