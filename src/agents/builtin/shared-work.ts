/** Tells how far a piece of work is: 0–100, and what was done last. */
export type Tell = (percent: number, note: string) => void;

interface Entry<Value> {
  promise: Promise<Value>;
  listeners: Set<Tell>;
  /** What was told last, for those who join later. */
  last: Parameters<Tell> | undefined;
}

/**
 * Does the work of a key once for all who ask for it, at the same time or later; the results of the `limit` last used
 * keys are remembered. Whoever joins work that is under way hears how far it is, and all that follows. Work that fails
 * fails for all who wait, and is done anew for whoever asks next.
 */
export function sharedWork<Value>(
  limit: number,
): (key: string, work: (tell: Tell) => Promise<Value>, listener?: Tell) => Promise<Value> {
  const entries = new Map<string, Entry<Value>>();
  const beginFor = (key: string, work: (tell: Tell) => Promise<Value>): Entry<Value> => {
    const entry = begin(work);
    entry.promise.catch(() => {
      if (entries.get(key) === entry) entries.delete(key);
    });
    return entry;
  };
  return (key, work, listener) => {
    const entry = entries.get(key) ?? beginFor(key, work);
    entries.delete(key);
    entries.set(key, entry);
    const oldest = entries.keys().next();
    if (entries.size > limit && !oldest.done) entries.delete(oldest.value);
    if (listener !== undefined) {
      if (entry.last !== undefined) listener(...entry.last);
      entry.listeners.add(listener);
    }
    return entry.promise;
  };
}

function begin<Value>(work: (tell: Tell) => Promise<Value>): Entry<Value> {
  const listeners = new Set<Tell>();
  const tell: Tell = (percent, note) => {
    entry.last = [percent, note];
    for (const listener of listeners) listener(percent, note);
  };
  // The work begins in a turn of its own, so that `entry` is there when it tells.
  const promise = Promise.resolve()
    .then(() => work(tell))
    .finally(() => {
      listeners.clear();
    });
  const entry: Entry<Value> = { promise, listeners, last: undefined };
  return entry;
}
