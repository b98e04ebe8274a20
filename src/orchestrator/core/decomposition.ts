import type { Formation } from './team-formation.ts';

export interface Part {
  /** Empty for a task that requires no skill. */
  skills: string[];
  agentId: string;
}

/**
 * One subtask per covered required skill, in the order required, given to the best-ranked member who has it; or a single
 * subtask with all skills where one agent does the whole task.
 */
export function decompose(requiredSkills: readonly string[], formation: Formation): Part[] {
  if (formation.kind === 'single') {
    return formation.members.map((member) => ({ skills: [...requiredSkills], agentId: member.agentId }));
  }
  return requiredSkills.flatMap((skill) => {
    const member = formation.members.find((one) => one.skills.includes(skill));
    return member === undefined ? [] : [{ skills: [skill], agentId: member.agentId }];
  });
}

export const subtaskId = (taskId: string, ord: number) => `${taskId}-${ord}`;
