/** Where the steps of a workflow stand in their picture. Pure. */

export interface PlacedStep {
  id: string;
  /** From 0: one more than the farthest of the steps that it depends on. */
  column: number;
  /** From 0, among the steps of its column, as they were submitted. */
  row: number;
}

export interface StepGraph {
  /** By column, then row: nobody stands before what it depends on. */
  steps: PlacedStep[];
  edges: { from: PlacedStep; to: PlacedStep; kind: 'dependency' | 'review' }[];
  columns: number;
  rows: number;
}

interface Step {
  id: string;
  dependsOn?: readonly string[] | undefined;
  review?: { of: string } | undefined;
}

/** The market takes no cycle, so each step's column ends. A review's edge leads back to what it reviews. */
export function placeSteps(steps: readonly Step[]): StepGraph {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const columnOf = new Map<string, number>();
  const column = (id: string): number => {
    const known = columnOf.get(id);
    if (known !== undefined) return known;
    const before = (byId.get(id)?.dependsOn ?? []).map(column);
    const own = Math.max(-1, ...before) + 1;
    columnOf.set(id, own);
    return own;
  };
  const taken = new Map<number, number>();
  const placed = new Map<string, PlacedStep>();
  for (const { id } of steps) {
    const row = taken.get(column(id)) ?? 0;
    taken.set(column(id), row + 1);
    placed.set(id, { id, column: column(id), row });
  }
  const edge = (fromId: string, to: PlacedStep, kind: 'dependency' | 'review') => {
    const from = placed.get(fromId);
    return from === undefined ? [] : [kind === 'review' ? { from: to, to: from, kind } : { from, to, kind }];
  };
  return {
    steps: [...placed.values()].sort((a, b) => a.column - b.column || a.row - b.row),
    edges: steps.flatMap(({ id, dependsOn = [], review }) => {
      const to = placed.get(id);
      if (to === undefined) return [];
      return [
        ...dependsOn.flatMap((from) => edge(from, to, 'dependency')),
        ...(review === undefined ? [] : edge(review.of, to, 'review')),
      ];
    }),
    columns: Math.max(0, ...taken.keys()) + 1,
    rows: Math.max(0, ...taken.values()),
  };
}
