import { MarketError } from './errors.ts';
import type { Page } from './primitives.ts';

/** Makes a position opaque, so that nobody builds on what it is made of. */
function encodeCursor(position: string): string {
  return Buffer.from(position).toString('base64url');
}

/**
 * The position that a `nextCursor` of `pageOf` stands for; undefined without a cursor.
 * @param pattern matches exactly the positions that the list gives, so that no other text reaches the store
 * @throws MarketError INVALID_REQUEST with `errors` for `cursor` if it does not match
 */
export function decodeCursor(cursor: string | undefined, pattern: RegExp): string | undefined {
  if (cursor === undefined) return undefined;
  const position = Buffer.from(cursor, 'base64url').toString();
  if (pattern.test(position)) return position;
  const errors = [{ path: 'cursor', message: 'must be a nextCursor of this list, as it was given' }];
  throw new MarketError('INVALID_REQUEST', 'The cursor is not one of this list.', { errors });
}

/** A page of `rows`, of which one more than `limit` was asked for to see whether there is a next page. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  view: (row: Row) => Item,
  position: (row: Row) => string,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(position(last)) : null;
  return { items: shown.map(view), nextCursor };
}
