import { ANNOUNCED_DESCRIPTION_CHARS } from '../contracts/bid.ts';
import type { FieldError } from '../contracts/errors.ts';
import type { StepInputs, StepSpec } from '../contracts/step.ts';
import type { ParsedTaskSubmission } from '../contracts/task.ts';
import { workflowFaults } from './core/workflow-faults.ts';
import type { Synthesis } from './ports.ts';

/** The steps as decisions see them; undefined for a task that the market divides. */
export function stepsOf({ steps = [] }: ParsedTaskSubmission): StepSpec[] | undefined {
  if (steps.length === 0) return undefined;
  return steps.map(({ id, skills, description, dependsOn = [], when, switch: branch, review }) => ({
    id,
    skills,
    dependsOn,
    ...(description === undefined ? {} : { description: description.slice(0, ANNOUNCED_DESCRIPTION_CHARS) }),
    ...(when === undefined ? {} : { when }),
    ...(branch === undefined ? {} : { switch: branch }),
    ...(review === undefined ? {} : { review }),
  }));
}

/** What the agents of the steps are given beside the task's own. */
export function stepInputsOf({ steps = [] }: ParsedTaskSubmission): StepInputs | null {
  if (steps.length === 0) return null;
  return Object.fromEntries(steps.map(({ description, data }, ord) => [ord, { description, data }]));
}

/** Those of the steps, where there are steps. */
export function requiredSkillsOf(submission: ParsedTaskSubmission): string[] {
  const steps = stepsOf(submission);
  return steps === undefined ? submission.requiredSkills : [...new Set(steps.flatMap((step) => step.skills))];
}

export const stepExpressionsOf = (submission: ParsedTaskSubmission): string[] =>
  (stepsOf(submission) ?? []).flatMap((step) =>
    [step.when, step.switch?.on, step.review?.until].filter((expression) => expression !== undefined),
  );

export function stepFaultsOf(
  submission: ParsedTaskSubmission,
  reader: Pick<Synthesis, 'compileError' | 'deliveriesNamed'>,
): FieldError[] {
  const steps = stepsOf(submission);
  if (steps === undefined) return [];
  const offered = requiredSkillsOf(submission);
  const unserved = submission.requiredSkills.filter((skill) => !offered.includes(skill));
  return [
    ...(unserved.length === 0
      ? []
      : [
          {
            path: 'requiredSkills',
            message: `no step answers for ${unserved.join(', ')}; leave it out, or add a step`,
          },
        ]),
    ...workflowFaults(steps, reader),
  ];
}
