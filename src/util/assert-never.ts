/** Marks a branch that the types say cannot be reached; throws if the types were wrong. */
export function assertNever(value: never): never {
  throw new Error(`Unreachable case: ${JSON.stringify(value)}`);
}
