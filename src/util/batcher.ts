/**
 * Groups calls that arrive while an earlier group is being carried out: with one caller nothing waits, under load one
 * flush serves many. No timer is involved.
 */
export class Batcher<Item, Answer> {
  private readonly waiting: { item: Item; resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = [];
  private active = 0;
  private readonly flush: (items: Item[]) => Promise<Answer[]>;
  private readonly maxItems: number;
  private readonly maxActive: number;

  /** @param flush answers each item, in order; a rejection rejects every call of its group */
  constructor(flush: (items: Item[]) => Promise<Answer[]>, options: { maxItems: number; maxActive: number }) {
    this.flush = flush;
    this.maxItems = options.maxItems;
    this.maxActive = options.maxActive;
  }

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      // One turn later, so that calls made in the same turn share a group.
      if (this.active < this.maxActive && this.waiting.length === 1) queueMicrotask(() => void this.next());
    });
  }

  private async next(): Promise<void> {
    while (this.active < this.maxActive && this.waiting.length > 0) {
      this.active += 1;
      const group = this.waiting.splice(0, this.maxItems);
      try {
        const flushed = this.flush(group.map((one) => one.item));
        if (this.waiting.length > 0) void this.next();
        const answers = await flushed;
        group.forEach((one, index) => one.resolve(answers[index] as Answer));
      } catch (error) {
        for (const one of group) one.reject(error);
      } finally {
        this.active -= 1;
      }
    }
  }
}
