import type { z } from 'zod';

const SHOWN_LENGTH = 60;

/** Says what is wrong with a value as a person would: what is allowed, and what came. A schema's own words go first. */
export const wordsFor: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${withArticle(issue.expected)}${but(issue.input)}`;
    case 'invalid_value':
      return issue.input === undefined ? 'is required' : `must be one of ${listed(issue.values)}${but(issue.input)}`;
    case 'too_small':
      return bound(issue.inclusive === false ? 'more than' : 'at least', issue.origin, issue.minimum, issue.input);
    case 'too_big':
      return bound(issue.inclusive === false ? 'less than' : 'at most', issue.origin, issue.maximum, issue.input);
    case 'invalid_format':
      return `${formatWords(issue.format)}${but(issue.input)}`;
    default:
      return undefined;
  }
};

function withArticle(type: string): string {
  if (type === 'int') return 'a whole number';
  if (type === 'record') return 'an object';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function listed(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(', ');
}

function bound(relation: string, origin: string, limit: number | bigint, input: unknown): string {
  if (origin === 'string') return `must have ${relation} ${limit} characters, not ${lengthOf(input)}`;
  if (origin === 'array' || origin === 'set') return `must have ${relation} ${limit} entries, not ${lengthOf(input)}`;
  return `must be ${relation} ${limit}${but(input)}`;
}

function formatWords(format: string): string {
  if (format === 'datetime') return 'must be a time with its zone, as 2026-11-21T12:00:00Z';
  return format === 'uuid' ? 'must be a UUID' : 'has not the form that is asked for';
}

function lengthOf(input: unknown): string {
  return typeof input === 'string' || Array.isArray(input) ? String(input.length) : 'this';
}

/** `, not <value>`, cut short; a number that is none came as a text that is none. */
function but(input: unknown): string {
  if (typeof input === 'number' && Number.isNaN(input)) return '';
  if (Array.isArray(input)) return ', not an array';
  if (typeof input === 'object' && input !== null) return ', not an object';
  const text = JSON.stringify(input) as string | undefined;
  if (text === undefined) return '';
  return `, not ${text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text}`;
}
