import type { Principal } from '../contracts/access.ts';

export interface KeyCache {
  /** The principal of a key's hash, null if there is none. Requests for one key at once share one look-up. */
  get(hash: string): Promise<Principal | null>;
  clear(): void;
}

interface Entry {
  principal: Promise<Principal | null>;
  readAtMs: number;
}

/**
 * Remembers look-ups that found something, each for `maxAgeMs`, at most `maxEntries` (the oldest goes first). A look-up
 * that is under way when `clear` is called is not remembered.
 */
export function createKeyCache(
  lookUp: (hash: string) => Promise<Principal | null>,
  options: { maxAgeMs: number; maxEntries: number; nowMs: () => number },
): KeyCache {
  const entries = new Map<string, Entry>();
  const forget = (hash: string, entry: Entry) => {
    if (entries.get(hash) === entry) entries.delete(hash);
  };
  const read = (hash: string): Promise<Principal | null> => {
    const entry: Entry = { principal: lookUp(hash), readAtMs: options.nowMs() };
    entries.delete(hash);
    entries.set(hash, entry);
    const oldest = entries.keys().next();
    if (entries.size > options.maxEntries && oldest.done !== true) entries.delete(oldest.value);
    entry.principal.then(
      (principal) => {
        if (principal === null) forget(hash, entry);
      },
      () => {
        forget(hash, entry);
      },
    );
    return entry.principal;
  };
  return {
    get: (hash) => {
      const entry = entries.get(hash);
      return entry !== undefined && options.nowMs() - entry.readAtMs < options.maxAgeMs ? entry.principal : read(hash);
    },
    clear: () => {
      entries.clear();
    },
  };
}
