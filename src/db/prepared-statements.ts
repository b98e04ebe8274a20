import type pg from 'pg';
import { hash53 } from '../util/hash.ts';

/** A statement gets a name when a process has sent the same text so often; texts that vary never do. */
const NAMED_AFTER = 5;
const MAX_NAMED = 100;
const MAX_COUNTED = 1_000;

/**
 * Lets PostgreSQL parse and plan a statement once per connection instead of every time: what a process sends again and again
 * is sent by name. Measured with `bench/`: see docs/benchmarks.md.
 */
export function nameRepeatedStatements(pool: pg.Pool): void {
  const seen = new Map<string, number>();
  const names = new Map<string, string>();
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text);
    if (known !== undefined || names.size >= MAX_NAMED || seen.size >= MAX_COUNTED) return known;
    const count = (seen.get(text) ?? 0) + 1;
    seen.set(text, count);
    if (count >= NAMED_AFTER) names.set(text, `s${names.size}_${hash53(text).toString(36)}`);
    return names.get(text);
  };
  pool.on('connect', (client) => {
    const send = client.query.bind(client) as (config: pg.QueryConfig) => Promise<pg.QueryResult>;
    const query = (text: unknown, values?: unknown, ...rest: unknown[]) => {
      const name = typeof text === 'string' && Array.isArray(values) && rest.length === 0 ? nameOf(text) : undefined;
      return name === undefined
        ? Reflect.apply(send, client, [text, values, ...rest])
        : send({ name, text: text as string, values: values as unknown[] });
    };
    Object.assign(client, { query });
  });
}
