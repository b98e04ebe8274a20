import type { Escalation, Step, StepInputs } from '../contracts/step.ts';
import type { SubtaskView, TaskSpec } from '../contracts/task.ts';

/** The steps as they were submitted; nothing for a task that the market divides. */
export function stepsView({ steps }: TaskSpec, inputs: StepInputs | null): { steps?: Step[] } {
  return steps === undefined ? {} : { steps: steps.map((step, ord) => ({ ...step, ...inputs?.[ord] })) };
}

/** Adds to the subtasks of steps what they depend on and still wait for. */
export function withDependencies(
  { steps }: TaskSpec,
  subtasks: SubtaskView[],
  escalations: readonly Escalation[],
): SubtaskView[] {
  if (steps === undefined) return subtasks;
  const asked = new Set(escalations.filter((one) => one.decision === undefined).map((one) => one.stepId));
  const isOpen = ({ status }: SubtaskView) => status === 'pending' || status === 'awarded' || status === 'running';
  const open = new Set(
    subtasks.flatMap((one) => (one.stepId !== undefined && (isOpen(one) || asked.has(one.stepId)) ? [one.stepId] : [])),
  );
  return subtasks.map((subtask, ord) => {
    const dependsOn = steps[ord]?.dependsOn ?? [];
    const waitsFor = subtask.status === 'pending' ? dependsOn.filter((id) => open.has(id)) : [];
    return { ...subtask, dependsOn, ...(waitsFor.length === 0 ? {} : { waitsFor }) };
  });
}
