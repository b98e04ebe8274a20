import type { StepSpec } from '../../contracts/step.ts';

type Graph = ReadonlyMap<string, readonly string[]>;

/** What follows from a task's steps: their order, who stands before whom, and which review may send a step back. */
export class Workflow {
  readonly steps: readonly StepSpec[];
  /** Dependencies before what depends on them. */
  readonly order: readonly StepSpec[];
  private readonly byId: ReadonlyMap<string, StepSpec>;
  private readonly upstream = new Map<string, ReadonlySet<string>>();
  private readonly reviews = new Map<string, StepSpec>();

  /** @param steps without a cycle, and without an unknown id */
  constructor(steps: readonly StepSpec[]) {
    this.steps = steps;
    this.byId = new Map(steps.map((step) => [step.id, step]));
    this.order = inOrder(steps).flatMap((id) => this.byId.get(id) ?? []);
    for (const { id, dependsOn } of this.order) {
      this.upstream.set(id, new Set(dependsOn.flatMap((one) => [one, ...this.upstreamOf(one)])));
    }
    for (const step of steps) {
      for (const id of this.loopOf(step)) if (!this.reviews.has(id)) this.reviews.set(id, step);
    }
  }

  step(id: string): StepSpec | undefined {
    return this.byId.get(id);
  }

  /** Every step that this one depends on, directly or not. */
  upstreamOf(id: string): ReadonlySet<string> {
    return this.upstream.get(id) ?? new Set();
  }

  /** Every step that depends on this one, directly or not. */
  downstreamOf(id: string): string[] {
    return this.order.filter((step) => this.upstreamOf(step.id).has(id)).map((step) => step.id);
  }

  /** What a review sends back: the reviewed step, the review itself, and what lies between them. */
  loopOf({ id, review }: StepSpec): string[] {
    if (review === undefined) return [];
    const between = this.downstreamOf(review.of).filter((one) => this.upstreamOf(id).has(one));
    return [review.of, ...between, id];
  }

  /** The review whose loop has this step. */
  reviewAround(id: string): StepSpec | undefined {
    return this.reviews.get(id);
  }

  /**
   * What must hold before a step's work begins, besides its dependencies: its own `when`, and for each switch that names it
   * that the switch has chosen it.
   */
  conditionsOf(step: StepSpec): string[] {
    return [...(step.when === undefined ? [] : [step.when]), ...this.steps.flatMap((one) => choiceOf(one, step.id))];
  }
}

/** The expression by which a switch chooses a step; none if it does not name it. */
function choiceOf({ switch: branch }: StepSpec, id: string): string[] {
  if (branch === undefined) return [];
  const cases = Object.entries(branch.cases);
  const own = cases.filter(([, target]) => target === id).map(([value]) => value);
  const chosen = own.length === 0 ? [] : [`(${branch.on}) in ${JSON.stringify(own)}`];
  const others = JSON.stringify(cases.map(([value]) => value));
  const fallback = branch.default === id ? [`$not((${branch.on}) in ${others})`] : [];
  const ways = [...chosen, ...fallback];
  return ways.length === 0 ? [] : [ways.join(' or ')];
}

/** Ids with dependencies first; of steps that do not depend on each other, in the order given. A cycle is cut where it closes. */
function inOrder(steps: readonly StepSpec[]): string[] {
  const graph = graphOf(steps);
  const order = new Set<string>();
  const visit = (id: string, path: readonly string[]): void => {
    if (order.has(id) || path.includes(id)) return;
    for (const one of graph.get(id) ?? []) visit(one, [...path, id]);
    order.add(id);
  };
  for (const step of steps) visit(step.id, []);
  return [...order];
}

/** The ids along a cycle, its first one again at the end; null if there is none. */
export function cycleOf(steps: readonly StepSpec[]): string[] | null {
  const graph = graphOf(steps);
  const done = new Set<string>();
  const visit = (id: string, path: readonly string[]): string[] | null => {
    if (path.includes(id)) return [...path.slice(path.indexOf(id)), id];
    if (done.has(id)) return null;
    for (const one of graph.get(id) ?? []) {
      const cycle = visit(one, [...path, id]);
      if (cycle !== null) return cycle;
    }
    done.add(id);
    return null;
  };
  for (const step of steps) {
    const cycle = visit(step.id, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

const graphOf = (steps: readonly StepSpec[]): Graph => new Map(steps.map((step) => [step.id, step.dependsOn]));
