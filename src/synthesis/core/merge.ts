import type { TaskResult, Warning } from '../../contracts/task.ts';
import type { Deliveries } from './cross-validation.ts';

/** One accepted delivery. */
export interface ResultPart {
  /** The skills that it answers for; none for a task that requires none. */
  skills: readonly string[];
  /** The step of the task that it answers for; null where the market divided the task. */
  stepId: string | null;
  agentId: string;
  value: unknown;
  /** 0–100; null where nothing is known of it. */
  quality: number | null;
  startedAt: Date;
  finishedAt: Date;
}

/**
 * Deliveries by skill; that of a part without skills under the task's type. The last of two for one skill stands. Those of
 * steps by the step's id as well, which stands before a skill of that name.
 */
export function deliveriesBySkill(
  taskType: string,
  parts: readonly Pick<ResultPart, 'skills' | 'stepId' | 'value'>[],
): Deliveries {
  return Object.fromEntries([
    ...parts.flatMap((part) => {
      const sections = part.skills.length === 0 ? [taskType] : part.skills;
      return sections.map((section) => [section, part.value] as const);
    }),
    ...parts.flatMap(({ stepId, value }) => (stepId === null ? [] : [[stepId, value] as const])),
  ]);
}

/**
 * Puts accepted deliveries together. `durationMs` runs from the first start to the last finish, `sequentialMs` is the sum
 * of the parts, and `speedup` their quotient to two decimals: 1 where nothing took measurable time. `quality` is the mean
 * of the known ones to two decimals; null where none is known.
 * @param synthesis.allAccepted whether every required subtask was accepted: the result's `success`
 */
export function mergeResult(synthesis: {
  taskId: string;
  taskType: string;
  parts: readonly ResultPart[];
  warnings: readonly Warning[];
  allAccepted: boolean;
}): TaskResult {
  const { taskId, taskType, parts, warnings, allAccepted } = synthesis;
  const qualities = parts.flatMap((part) => part.quality ?? []);
  return {
    taskId,
    success: allAccepted,
    contributors: [...new Set(parts.map((part) => part.agentId))],
    sections: { ...deliveriesBySkill(taskType, parts) },
    warnings: [...warnings],
    quality: qualities.length === 0 ? null : round2(sum(qualities) / qualities.length),
    ...timesOf(parts),
  };
}

function timesOf(parts: readonly ResultPart[]): Pick<TaskResult, 'durationMs' | 'sequentialMs' | 'speedup'> {
  if (parts.length === 0) return { durationMs: 0, sequentialMs: 0, speedup: 1 };
  const startsMs = parts.map((part) => part.startedAt.getTime());
  const finishesMs = parts.map((part) => part.finishedAt.getTime());
  const durationMs = Math.max(...finishesMs) - Math.min(...startsMs);
  const sequentialMs = sum(parts.map((part) => part.finishedAt.getTime() - part.startedAt.getTime()));
  return { durationMs, sequentialMs, speedup: durationMs === 0 ? 1 : round2(sequentialMs / durationMs) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
