import type pg from 'pg';
import { hash53 } from '../util/hash.ts';

/** A statement gets a name when a process has sent the same text so often; texts that vary never do. */
const NAMED_AFTER = 5;
const MAX_NAMED = 100;
const MAX_COUNTED = 1_000;

type Send = (...args: unknown[]) => unknown;

/**
 * Lets PostgreSQL parse and plan a statement once per connection instead of every time: what a process sends again and again
 * is sent by name.
 */
export function nameRepeatedStatements(pool: pg.Pool): void {
  const nameOf = statementNames();
  pool.on('connect', (client) => {
    const send: Send = client.query.bind(client);
    const query: Send = (text, values, ...rest) => {
      const name = typeof text === 'string' && Array.isArray(values) && rest.length === 0 ? nameOf(text) : undefined;
      return name === undefined ? send(text, values, ...rest) : send({ name, text, values });
    };
    Object.assign(client, { query });
  });
}

/** The name of a text, from the fifth time that it is asked for. */
function statementNames(): (text: string) => string | undefined {
  const seen = new Map<string, number>();
  const names = new Map<string, string>();
  return (text) => {
    const known = names.get(text);
    if (known !== undefined || names.size >= MAX_NAMED || seen.size >= MAX_COUNTED) return known;
    const count = (seen.get(text) ?? 0) + 1;
    seen.set(text, count);
    if (count >= NAMED_AFTER) names.set(text, `s${names.size}_${hash53(text).toString(36)}`);
    return names.get(text);
  };
}
