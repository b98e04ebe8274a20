/** Splits `items` into runs of at most about `maxSize`, in their order; at least one run, and none is empty but for no items. */
export function inParts<Item>(items: readonly Item[], sizeOf: (item: Item) => number, maxSize: number): Item[][] {
  let current: Item[] = [];
  const parts = [current];
  let size = 0;
  for (const item of items) {
    size += sizeOf(item);
    if (size > maxSize && current.length > 0) {
      current = [];
      parts.push(current);
      size = sizeOf(item);
    }
    current.push(item);
  }
  return parts;
}
