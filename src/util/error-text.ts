/** What a thrown value says, whatever it is. Never throws, though its own `message` or `toString` may. */
export function errorText(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return `a thrown ${typeof thrown} that cannot be told`;
  }
}
