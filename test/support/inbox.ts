/** Keeps what a test is told, and lets it wait for that. */
export class Inbox<Item> {
  readonly items: Item[] = [];
  readonly #waiting = new Set<() => void>();

  readonly add = (item: Item): void => {
    this.items.push(item);
    for (const look of [...this.#waiting]) look();
  };

  /** Resolves with all items when there are `count` or more. */
  async atLeast(count: number): Promise<Item[]> {
    return this.#when(() => this.items.length >= count);
  }

  /** Resolves with all items when one satisfies `wanted`. */
  async including(wanted: (item: Item) => boolean): Promise<Item[]> {
    return this.#when(() => this.items.some(wanted));
  }

  async #when(satisfied: () => boolean): Promise<Item[]> {
    if (satisfied()) return this.items;
    return new Promise((resolve) => {
      const look = () => {
        if (!satisfied()) return;
        this.#waiting.delete(look);
        resolve(this.items);
      };
      this.#waiting.add(look);
    });
  }
}
