import type { Colors } from './colors.ts';
import type { TaskResult, TaskView } from '../sdk/index.ts';
import { formatDuration, formatList, formatNumber, printable } from './format.ts';

const SHOWN_FIELDS = 8;
const SHOWN_CHARACTERS = 100;

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
    return `  ${colors.yellow('warning')} ${printable(warning.rule)}: ${printable(warning.message)}${blame}`;
  });
}

function renderUsage({ usage }: TaskView): string[] {
  if (usage.inputTokens === 0 && usage.outputTokens === 0 && usage.costUsd === 0) return [];
  return [
    `  used ${usage.inputTokens} input and ${usage.outputTokens} output tokens, $${formatNumber(usage.costUsd, 4)}`,
  ];
}

/** The first fields of a delivery, each on a line; the whole is in the task. */
function renderSection(skill: string, value: unknown, colors: Colors): string[] {
  const title = `  ${colors.bold(skill)}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${title}: ${brief(value)}`];
  const fields = Object.entries(value);
  const rest = fields.length - SHOWN_FIELDS;
  return [
    title,
    ...fields.slice(0, SHOWN_FIELDS).map(([name, field]) => `    ${printable(name)}: ${brief(field)}`),
    ...(rest > 0 ? [`    … ${rest} more`] : []),
  ];
}

function brief(value: unknown): string {
  if (typeof value === 'number') return formatNumber(value, 4);
  if (Array.isArray(value) && value.some((item) => typeof item === 'object')) return `${value.length} items`;
  const text = printable(typeof value === 'string' ? value : JSON.stringify(value));
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS - 1)}…` : text;
}
