import type { Rule, TaskResult } from '../contracts/task.ts';
import type { CrossValidation, TaskFacts } from './core/cross-validation.ts';
import { rulesForType } from './core/default-rules.ts';
import { compileCheck, deliveriesNamed } from './core/expressions.ts';
import { deliveriesBySkill, mergeResult, type ResultPart } from './core/merge.ts';
import type { ConditionsToEvaluate, Judge, TaskToValidate, Verdict } from './judge.ts';
import { readAhead } from './read-ahead.ts';
import type { SkillRecords } from './skill-store.ts';

/** Checks deliveries by the market's records of skills and puts them together. */
export interface Synthesis {
  /** True if one of these skills has a schema or checks; otherwise every delivery is accepted with unknown quality. */
  judges(skills: readonly string[]): Promise<boolean>;
  /** @param delivery.skills the ids of the subtask's skills; one without a record demands nothing */
  judge(delivery: { task: TaskFacts; skills: readonly string[]; value: unknown }): Promise<Verdict>;
  /** What the rules say of accepted deliveries, by skill; see `deliveriesBySkill`. */
  crossValidate(synthesis: TaskToValidate): Promise<CrossValidation>;
  /** The task's result; see `mergeResult`. */
  merge(synthesis: Parameters<typeof mergeResult>[0]): TaskResult;
  deliveriesBySkill(
    taskType: string,
    parts: readonly Pick<ResultPart, 'skills' | 'stepId' | 'value'>[],
  ): Record<string, unknown>;
  /** The rules of a task that states none. */
  rulesForType(type: string): Rule[];
  /** What each expression comes to over `{task, deliveries}`; whatever is neither true nor false is a fault. */
  evaluate(conditions: ConditionsToEvaluate): Promise<(boolean | { fault: string })[]>;
  /** Makes `compileError` and `deliveriesNamed` of these expressions cheap, without holding up the thread. */
  readAhead(expressions: readonly string[]): Promise<void>;
  /** What is wrong with an expression, or null if it parses. */
  compileError(expression: string): string | null;
  /** The deliveries that the expression names. @throws Error if it does not parse */
  deliveriesNamed(expression: string): readonly string[];
}

/** The port that the orchestrator asks, over `judge` and the records of skills. The caller closes the judge. */
export function createSynthesis(options: { skills: Pick<SkillRecords, 'byIds'>; judge: Judge }): Synthesis {
  const { skills, judge } = options;
  return {
    judges: async (ids) => {
      const records = await skills.byIds(ids);
      return records.some((skill) => skill.outputSchema !== undefined || skill.checks.length > 0);
    },
    judge: async ({ task, skills: ids, value }) =>
      judge.judgeDelivery({ task, skills: await skills.byIds(ids), value }),
    crossValidate: (synthesis) => judge.crossValidate(synthesis),
    merge: mergeResult,
    deliveriesBySkill: (taskType, parts) => ({ ...deliveriesBySkill(taskType, parts) }),
    evaluate: (conditions) => judge.evaluate(conditions),
    rulesForType,
    readAhead,
    compileError: compileCheck,
    deliveriesNamed,
  };
}
