import type { Json } from '../../../util/json.ts';

/**
 * The JSON in a model's answer: the whole text, what stands in its first fence, or what stands from the first bracket to
 * the last. Undefined where there is none.
 */
export function jsonIn(text: string): Json | undefined {
  const trimmed = text.trim();
  const fenced = /```(?:json)?\s*\n([\s\S]*?)\n?```/i.exec(trimmed)?.[1];
  for (const candidate of [trimmed, fenced, bracketed(trimmed, '{', '}'), bracketed(trimmed, '[', ']')]) {
    const value = candidate === undefined ? undefined : parsed(candidate);
    if (value !== undefined) return value;
  }
  return undefined;
}

function bracketed(text: string, open: string, close: string): string | undefined {
  const start = text.indexOf(open);
  const end = text.lastIndexOf(close);
  return start === -1 || end <= start ? undefined : text.slice(start, end + 1);
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
