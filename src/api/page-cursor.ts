import { MarketError } from '../contracts/errors.ts';
import type { Page } from '../contracts/primitives.ts';

/** Makes a position opaque, so that nobody builds on what it is made of. */
function encodeCursor(position: string): string {
  return Buffer.from(position).toString('base64url');
}

/** @throws MarketError INVALID_REQUEST if the cursor is none of ours, as told by `pattern` */
export function decodeCursor(cursor: string | undefined, pattern: RegExp): string | undefined {
  if (cursor === undefined) return undefined;
  const position = Buffer.from(cursor, 'base64url').toString();
  if (pattern.test(position)) return position;
  const errors = [{ path: 'cursor', message: 'must be the nextCursor of an earlier answer' }];
  throw new MarketError('INVALID_REQUEST', 'cursor must be the nextCursor of an earlier answer.', { errors });
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
