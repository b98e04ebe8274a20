/** What an expression came to: true or false, no value at all, another value, or a fault. */
export type Evaluation =
  { kind: 'decided'; holds: boolean } | { kind: 'nothing' } | { kind: 'other' } | { kind: 'fault'; message: string };
