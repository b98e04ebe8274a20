import { errorText } from './error-text.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const encoder = new TextEncoder();

/** As it is: undefined for what has no JSON text. */
const stringify: (value: unknown) => string | undefined = JSON.stringify;

/** Length of `value` as JSON text in bytes of UTF-8. */
export function jsonBytes(value: unknown): number {
  const text = stringify(value);
  return text === undefined ? 0 : encoder.encode(text).length;
}

export type StorableJson = { ok: true; value: Json; bytes: number } | { ok: false; reason: string };

/**
 * Turns what a stranger's code returned into JSON that PostgreSQL's `jsonb` can hold, or says why it cannot.
 * NUL characters and lone surrogates, which `jsonb` refuses, become U+FFFD. Never throws.
 * Refused: `undefined` or a function as the whole value, a cycle, a BigInt, NaN or an infinity anywhere,
 * nesting deeper than 200, more than `maxBytes` of JSON.
 */
export function toStorableJson(value: unknown, maxBytes: number): StorableJson {
  let text: string | undefined;
  try {
    checkShape(value, 0, { left: maxBytes });
    text = stringify(value);
  } catch (error) {
    return { ok: false, reason: errorText(error) };
  }
  if (text === undefined) return { ok: false, reason: `${typeof value} is not a JSON value` };
  const bytes = encoder.encode(text).length;
  if (bytes > maxBytes) return { ok: false, reason: `${bytes} bytes of JSON, more than the ${maxBytes} allowed` };
  const stored = JSON.parse(withoutUnstorable(text)) as Json;
  try {
    // Once more: a `toJSON` may have made something else of it.
    checkShape(stored, 0, { left: maxBytes });
  } catch (error) {
    return { ok: false, reason: errorText(error) };
  }
  return { ok: true, value: stored, bytes };
}

const UNSTORABLE = /\\u0000|\\ud[89ab][0-9a-f]{2}|\\ud[c-f][0-9a-f]{2}/gi;

/** At most `maxChars` of `text`, with U+FFFD in place of NUL and lone surrogates, which PostgreSQL cannot store. */
export function storableText(text: string, maxChars: number): string {
  return text.slice(0, maxChars).replaceAll('\u0000', '\ufffd').toWellFormed();
}

/** True if JSON `text` (as made by `JSON.stringify`) holds a NUL or a lone surrogate, which `jsonb` cannot store. */
export function hasUnstorableText(text: string): boolean {
  return withoutUnstorable(text) !== text;
}

function withoutUnstorable(text: string): string {
  return text.replace(UNSTORABLE, (escape, offset: number) =>
    precedingBackslashes(text, offset) % 2 === 1 ? escape : '\ufffd',
  );
}

function precedingBackslashes(text: string, offset: number): number {
  let count = 0;
  while (text[offset - 1 - count] === '\\') count += 1;
  return count;
}

/** @param budget every value costs at least a byte, so a structure that shares its parts is stopped before it unfolds */
function checkShape(value: unknown, depth: number, budget: { left: number }): void {
  if (depth > 200) throw new Error('nested deeper than 200 levels, or a cycle');
  budget.left -= 1;
  if (budget.left < 0) throw new Error('more values than the bytes allowed');
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${value} is not a JSON number`);
  if (typeof value === 'bigint') throw new Error('a BigInt is not a JSON value');
  if (typeof value !== 'object' || value === null) return;
  for (const child of Object.values(value)) checkShape(child, depth + 1, budget);
}
