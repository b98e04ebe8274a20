/**
 * Remembers results by key, the `limit` last used ones. What throws is not remembered.
 */
export function boundedMemo<Value>(limit: number): (key: string, compute: () => Value) => Value {
  const values = new Map<string, { value: Value }>();
  return (key, compute) => {
    const entry = values.get(key) ?? { value: compute() };
    values.delete(key);
    values.set(key, entry);
    const oldest = values.keys().next();
    if (values.size > limit && !oldest.done) values.delete(oldest.value);
    return entry.value;
  };
}
