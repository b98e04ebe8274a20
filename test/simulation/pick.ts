export function oneOf<Item>(items: readonly Item[], pick: number): Item | undefined {
  return items[pick % Math.max(1, items.length)];
}

export function takeOne<Item>(items: Item[], pick: number): Item | undefined {
  return items.splice(pick % Math.max(1, items.length), 1)[0];
}
