import type { FieldError } from '../../contracts/errors.ts';
import type { StepSpec } from '../../contracts/step.ts';
import { cycleOf, Workflow } from './workflow.ts';

/** What can be known of an expression by reading it. */
export interface ExpressionReader {
  /** Null if it can be compiled. */
  compileError(expression: string): string | null;
  /** The members of `deliveries` that it names. */
  deliveriesNamed(expression: string): readonly string[];
}

/** What is wrong with the steps of a submission; empty if they make a workflow. */
export function workflowFaults(steps: readonly StepSpec[], reader: ExpressionReader): FieldError[] {
  const ids = idFaults(steps);
  if (ids.length > 0) return ids;
  const cycle = cycleOf(steps);
  if (cycle !== null) {
    const at = steps.findIndex((step) => step.id === cycle[0]);
    return [{ path: `steps.${at}.dependsOn`, message: `a cycle: ${cycle.join(' → ')} (each depends on the next)` }];
  }
  const workflow = new Workflow(steps);
  return [
    ...steps.flatMap((step, at) => [
      ...switchFaults(step, `steps.${at}.switch`, workflow),
      ...reviewFaults(step, `steps.${at}.review`, workflow),
      ...expressionFaults(step, `steps.${at}`, reader),
    ]),
    ...loopFaults(workflow),
  ];
}

function idFaults(steps: readonly StepSpec[]): FieldError[] {
  const first = new Map<string, number>();
  for (const [at, step] of steps.entries()) if (!first.has(step.id)) first.set(step.id, at);
  return steps.flatMap((step, at) => [
    ...(first.get(step.id) === at
      ? []
      : [{ path: `steps.${at}.id`, message: `"${step.id}" is the id of step ${first.get(step.id)} already` }]),
    ...step.dependsOn.flatMap((id, index) =>
      first.has(id) ? [] : [{ path: `steps.${at}.dependsOn.${index}`, message: `there is no step "${id}"` }],
    ),
  ]);
}

function switchFaults({ id, switch: branch }: StepSpec, path: string, workflow: Workflow): FieldError[] {
  if (branch === undefined) return [];
  const named = [
    ...Object.entries(branch.cases).map(([value, target]) => ({ at: `${path}.cases.${value}`, target })),
    ...(branch.default === undefined ? [] : [{ at: `${path}.default`, target: branch.default }]),
  ];
  return named.flatMap(({ at, target }) =>
    workflow.step(target)?.dependsOn.includes(id) === true
      ? []
      : [{ path: at, message: `"${target}" must be a step that depends on "${id}"` }],
  );
}

function reviewFaults({ id, review }: StepSpec, path: string, workflow: Workflow): FieldError[] {
  if (review === undefined || workflow.upstreamOf(id).has(review.of)) return [];
  return [{ path: `${path}.of`, message: `"${review.of}" must be a step that "${id}" depends on` }];
}

/** Each expression sees some deliveries only; another name is a slip that would never come true. */
function expressionFaults(step: StepSpec, path: string, reader: ExpressionReader): FieldError[] {
  const parts = [
    { at: `${path}.when`, expression: step.when, sees: step.dependsOn },
    { at: `${path}.switch.on`, expression: step.switch?.on, sees: [step.id] },
    { at: `${path}.review.until`, expression: step.review?.until, sees: [step.id] },
  ];
  return parts.flatMap(({ at, expression, sees }) => {
    if (expression === undefined) return [];
    const fault = reader.compileError(expression);
    if (fault !== null) return [{ path: at, message: fault }];
    const unseen = reader.deliveriesNamed(expression).filter((name) => !sees.includes(name));
    if (unseen.length === 0) return [];
    const seen = sees.length === 0 ? 'no delivery' : `the deliveries of ${sees.join(', ')}`;
    return [{ path: at, message: `it names deliveries.${unseen.join(', deliveries.')}; it sees ${seen}` }];
  });
}

/** A loop is repeated as a whole: it shares no step with another, and nobody outside builds on what may be sent back. */
function loopFaults(workflow: Workflow): FieldError[] {
  return workflow.steps.flatMap((step, at): FieldError[] => {
    const loop = workflow.loopOf(step);
    if (loop.length === 0) return [];
    const path = `steps.${at}.review.of`;
    const shared = loop.find((id) => workflow.reviewAround(id) !== step);
    if (shared !== undefined) return [{ path, message: `"${shared}" is in the loop of another review already` }];
    const early = workflow.steps.find(
      (one) =>
        !loop.includes(one.id) &&
        !workflow.upstreamOf(one.id).has(step.id) &&
        one.dependsOn.some((id) => loop.includes(id)),
    );
    if (early === undefined) return [];
    return [
      { path, message: `"${early.id}" depends on what "${step.id}" may send back: let it depend on "${step.id}" too` },
    ];
  });
}
