/** Openings with the same need can be served by the same agents: its domain and its skills in alphabetical order. */
export function needOf(skills: readonly string[], domain: string | undefined): string {
  return `${domain ?? '*'}|${[...skills].sort().join(',')}`;
}
