import type { TaskEvent } from '../contracts/events.ts';
import type { EventHints, EventReader } from '../contracts/services.ts';

type Listener = (lastSeqByTask: ReadonlyMap<string, number>) => void;

/**
 * Stands between the feed and what it reads from, so that a server that stops can have every watched task read once more
 * and knows when that is done.
 */
export class LastLook implements EventHints, EventReader {
  readonly #hints: EventHints;
  readonly #reader: EventReader;
  readonly #listeners = new Set<Listener>();
  #reading = 0;

  constructor(hints: EventHints, reader: EventReader) {
    this.#hints = hints;
    this.#reader = reader;
  }

  onEvents(listener: Listener): () => void {
    this.#listeners.add(listener);
    const stop = this.#hints.onEvents(listener);
    return () => {
      this.#listeners.delete(listener);
      stop();
    };
  }

  async readMany(...args: Parameters<EventReader['readMany']>): Promise<TaskEvent[][]> {
    this.#reading += 1;
    try {
      return await this.#reader.readMany(...args);
    } finally {
      this.#reading -= 1;
    }
  }

  /** Resolves when what was committed before this call has been read and handed on, or after `limitMs`. */
  async take(limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    // as after a broken bus: hints may have been lost, look everywhere
    for (const listener of this.#listeners) listener(new Map());
    // readers go on within the same turn of the event loop, so a turn without a read is the end
    do await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    while (this.#reading > 0 && performance.now() < untilMs);
  }
}

const TURN_MS = 5;
