import type { Page } from '../sdk/index.ts';

/**
 * A list with a newer first page. The list is in the order of ids, newest first, so whatever it had from the page's range
 * and the page has not is no longer in it. Pure.
 */
export function mergeFirstPage<Item extends { id: string }>(loaded: readonly Item[], page: Page<Item>): Item[] {
  const last = page.items.at(-1);
  if (page.nextCursor === null || last === undefined) return page.items;
  return [...page.items, ...loaded.filter((item) => item.id < last.id)];
}
