/** What the form's texts mean as a task. Pure; the server judges the rest. */
import type { TaskSubmission } from '../sdk/index.ts';
import { isRecord } from './fields.ts';

/** As typed. Empty texts are left out of the task, so that the market's defaults hold. */
export interface FormTexts {
  type: string;
  description: string;
  requiredSkills: string[];
  domain: string;
  complexity: string;
  priority: string;
  data: string;
  deadline: string;
  maxTeamSize: string;
  maxAttempts: string;
  timeoutMs: string;
  biddingTimeMs: string;
  policy: string;
  rules: string;
  steps: string;
  maxTokens: string;
  maxCostUsd: string;
  allowPartial: boolean;
}

export const EMPTY_FORM: FormTexts = {
  type: '',
  description: '',
  requiredSkills: [],
  domain: '',
  complexity: '',
  priority: '',
  data: '',
  deadline: '',
  maxTeamSize: '',
  maxAttempts: '',
  timeoutMs: '',
  biddingTimeMs: '',
  policy: '',
  rules: '',
  steps: '',
  maxTokens: '',
  maxCostUsd: '',
  allowPartial: false,
};

export type FieldErrors = Partial<Record<string, string>>;

const TEXTS = ['type', 'description', 'domain', 'complexity', 'priority', 'policy'] as const;
const NUMBERS = ['maxTeamSize', 'maxAttempts', 'timeoutMs', 'biddingTimeMs'] as const;
const LISTS = ['rules', 'steps'] as const;

export function textsOfTask(task: TaskSubmission): FormTexts {
  const texts: FormTexts = { ...EMPTY_FORM, requiredSkills: [...(task.requiredSkills ?? [])] };
  for (const name of TEXTS) texts[name] = task[name] ?? '';
  for (const name of NUMBERS) texts[name] = task[name]?.toString() ?? '';
  for (const name of LISTS) texts[name] = task[name] === undefined ? '' : JSON.stringify(task[name], null, 2);
  texts.data = task.data === undefined ? '' : JSON.stringify(task.data, null, 2);
  texts.allowPartial = task.allowPartial ?? false;
  return texts;
}

/** The task, or what cannot be read, by field. */
export function taskOfTexts(texts: FormTexts): { task: Record<string, unknown> } | { errors: FieldErrors } {
  const errors: FieldErrors = {};
  const task: Record<string, unknown> = {};
  for (const name of TEXTS) if (texts[name].trim() !== '') task[name] = texts[name].trim();
  for (const name of NUMBERS) put(task, name, numberIn(texts[name], name, errors));
  for (const name of LISTS) put(task, name, jsonIn(texts[name], name, errors, Array.isArray, 'a list'));
  put(task, 'data', jsonIn(texts.data, 'data', errors, isRecord, 'an object'));
  put(task, 'deadline', instantIn(texts.deadline, errors));
  put(task, 'budget', budgetIn(texts, errors));
  if (texts.requiredSkills.length > 0) task['requiredSkills'] = texts.requiredSkills;
  if (texts.allowPartial) task['allowPartial'] = true;
  if (texts.type.trim() === '') errors['type'] = 'Give the task a type.';
  return Object.keys(errors).length > 0 ? { errors } : { task };
}

function put(task: Record<string, unknown>, name: string, value: unknown): void {
  if (value !== undefined) task[name] = value;
}

function numberIn(text: string, name: string, errors: FieldErrors): number | undefined {
  if (text.trim() === '') return undefined;
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  errors[name] = 'must be a number';
  return undefined;
}

function jsonIn(
  text: string,
  name: string,
  errors: FieldErrors,
  fits: (value: unknown) => boolean,
  what: string,
): unknown {
  if (text.trim() === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (fits(value)) return value;
    errors[name] = `must be ${what} in JSON`;
  } catch (error) {
    errors[name] = `is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  return undefined;
}

function instantIn(text: string, errors: FieldErrors): string | undefined {
  if (text.trim() === '') return undefined;
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  errors['deadline'] = 'is not a time';
  return undefined;
}

function budgetIn(texts: FormTexts, errors: FieldErrors): Record<string, number> | undefined {
  const budget: Record<string, number> = {};
  for (const name of ['maxTokens', 'maxCostUsd'] as const) {
    const value = numberIn(texts[name], name, errors);
    if (value !== undefined) budget[name] = value;
  }
  return Object.keys(budget).length === 0 ? undefined : budget;
}

/** The server's faults by the field of the form that they belong to: `data.items.0` is the field `data`. */
export function errorsByField(errors: readonly { path: string; message: string }[]): FieldErrors {
  const byField: FieldErrors = {};
  for (const { path, message } of errors) {
    const [first = '', second = ''] = path.split('.');
    const field = first === 'budget' ? second : first;
    byField[field] ??= path === field ? message : `${path}: ${message}`;
  }
  return byField;
}
