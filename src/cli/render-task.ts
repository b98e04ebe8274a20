import type { Colors } from './colors.ts';
import type { TaskResult, TaskView } from '../sdk/index.ts';
import { formatDuration, formatList, formatNumber, formatWarning, printable } from './format.ts';

const SHOWN_ITEMS = 3;
const SHOWN_CHARACTERS = 150;
const SHORT_CHARACTERS = 60;

/** How a task ended: its result or its error, warnings and usage. */
export function renderOutcome(task: TaskView, colors: Colors): string[] {
  const paint = task.status === 'completed' ? colors.green : colors.red;
  return [
    `Task ${task.id} ${paint(task.status)}`,
    ...(task.error === undefined ? [] : [`  ${task.error.code}: ${printable(task.error.message)}`]),
    ...(task.error?.uncoveredSkills === undefined
      ? []
      : [`  uncovered skills: ${formatList(task.error.uncoveredSkills)}`]),
    ...(task.result === undefined ? [] : renderResult(task.result, colors)),
    ...renderUsage(task),
  ];
}

function renderResult(result: TaskResult, colors: Colors): string[] {
  const quality = result.quality === null ? 'not measured' : formatNumber(result.quality);
  return [
    `  success ${result.success ? colors.green('yes') : colors.red('no')} · quality ${quality} · by ${formatList(result.contributors)}`,
    `  took ${formatDuration(result.durationMs)}; its parts one after the other: ${formatDuration(result.sequentialMs)} (${formatNumber(result.speedup)} ×)`,
    ...renderWarnings(result, colors),
    ...Object.entries(result.sections).flatMap(([skill, value]) => renderSection(skill, value, colors)),
  ];
}

function renderWarnings(result: TaskResult, colors: Colors): string[] {
  return result.warnings.map((warning) => {
    const blame = warning.blame.length === 0 ? '' : ` (blamed: ${formatList(warning.blame)})`;
    return `  ${colors.yellow('warning')} ${formatWarning(warning.rule, warning.message)}${blame}`;
  });
}

function renderUsage({ usage }: TaskView): string[] {
  if (usage.inputTokens === 0 && usage.outputTokens === 0 && usage.costUsd === 0) return [];
  return [
    `  used ${usage.inputTokens} input and ${usage.outputTokens} output tokens, $${formatNumber(usage.costUsd, 4)}`,
  ];
}

/** A delivery in short: its plain values, then what is nested in it, each on a line; the whole is in the task. */
function renderSection(skill: string, value: unknown, colors: Colors): string[] {
  const title = `  ${colors.bold(skill)}`;
  if (!isRecord(value)) return [`${title}: ${brief(value)}`];
  const fields = Object.entries(value);
  const plain = fields.filter(([, field]) => !isNested(field)).map(([name, field]) => `${name} ${brief(field)}`);
  const nested = fields.filter(([, field]) => isNested(field)).flatMap(([name, field]) => renderNested(name, field));
  const lines = [...(plain.length === 0 ? [] : [plain.join(' · ')]), ...nested];
  return [title, ...lines.map((line) => `    ${shorten(printable(line))}`)];
}

function renderNested(name: string, field: unknown): string[] {
  if (!Array.isArray(field)) return [`${name}: ${brief(field)}`];
  const shown = field.slice(0, SHOWN_ITEMS).map((item) => `${name}: ${brief(item)}`);
  return field.length > SHOWN_ITEMS ? [...shown, `${name}: … ${field.length - SHOWN_ITEMS} more`] : shown;
}

/** Of a record, its short values first, so that a long text does not push them off the line. */
function brief(value: unknown): string {
  if (typeof value === 'number') return formatNumber(value, 4);
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `${value.length} items`;
  if (!isRecord(value)) return String(value);
  const fields = Object.entries(value).map(([name, field]) => (isNested(field) ? name : `${name} ${brief(field)}`));
  const isShort = (field: string) => field.length <= SHORT_CHARACTERS;
  return [...fields.filter(isShort), ...fields.filter((field) => !isShort(field))].join(' · ');
}

function shorten(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS - 1)}…` : text;
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return isNested(value) && !Array.isArray(value);
}
