/** A map that holds at most so many entries: the one used longest ago goes first. */
export interface LruCache<Key, Value> {
  /** The value of `key`; made, kept and returned if there is none yet. What `make` throws is thrown on, and not kept. */
  getOrMake(key: Key, make: () => Value): Value;
}

/**
 * @param maxEntries 1 or more
 * @param onEvict told of each value that is dropped
 */
export function createLruCache<Key, Value>(maxEntries: number, onEvict?: (value: Value) => void): LruCache<Key, Value> {
  const entries = new Map<Key, { value: Value }>();
  return {
    getOrMake: (key, make) => {
      const entry = entries.get(key) ?? { value: make() };
      // a Map keeps insertion order: its first key is the one used longest ago
      entries.delete(key);
      entries.set(key, entry);
      if (entries.size > maxEntries) evictOldest(entries, onEvict);
      return entry.value;
    },
  };
}

function evictOldest<Key, Value>(entries: Map<Key, { value: Value }>, onEvict?: (value: Value) => void): void {
  for (const [key, entry] of entries) {
    entries.delete(key);
    onEvict?.(entry.value);
    return;
  }
}
