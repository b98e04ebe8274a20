import type { Skill } from '../contracts/skill.ts';
import type { Rule } from '../contracts/task.ts';
import {
  applicableRules,
  judgeRules,
  type CrossValidation,
  type Deliveries,
  type TaskFacts,
} from './core/cross-validation.ts';
import { qualityOf } from './core/quality.ts';
import { prepareSchemas, schemaMismatch } from './output-schema.ts';
import { createSandbox, type Sandbox } from './sandbox.ts';

/** What the checks say of one delivery. The message of a rejected one is for its agent's author. */
export type Verdict =
  | { accepted: true; quality: number | null; qualitySource: 'check' | null; failedChecks: string[] }
  | { accepted: false; code: 'SCHEMA_MISMATCH'; message: string };

export interface DeliveryToJudge {
  task: TaskFacts;
  /** Those of the subtask's skills that the market has a record of. */
  skills: readonly Skill[];
  /** Any JSON value. */
  value: unknown;
}

export interface TaskToValidate {
  task: TaskFacts;
  rules: readonly Rule[];
  deliveries: Deliveries;
}

/** Looks at deliveries with the market's eyes alone: nothing that an agent says of its own work counts. */
export interface Judge {
  /**
   * Rejects a delivery that breaks the schema of one of its skills; otherwise its quality is 100 × weight held / weight of
   * all, over the checks of all its skills, and null where they have none. A check sees `{task, value}`; one that is not
   * true, or cannot be evaluated, does not hold.
   */
  judgeDelivery(delivery: DeliveryToJudge): Promise<Verdict>;
  /** Compares accepted deliveries with each other and with the task. Rules see `{task, deliveries}`. */
  crossValidate(synthesis: TaskToValidate): Promise<CrossValidation>;
  /** Ends the judge's threads. */
  close(): Promise<void>;
}

export function createJudge(): Judge {
  prepareSchemas();
  // checks are the admins' and rules anybody's: a slow rule must not hold up verdicts
  const checks = createSandbox();
  const rules = createSandbox();
  return {
    judgeDelivery: (delivery) => judgeDelivery(checks, delivery),
    crossValidate: (synthesis) => crossValidate(rules, synthesis),
    close: async () => {
      await Promise.all([checks.close(), rules.close()]);
    },
  };
}

async function judgeDelivery(sandbox: Sandbox, delivery: DeliveryToJudge): Promise<Verdict> {
  const { task, skills, value } = delivery;
  for (const skill of skills) {
    const mismatch = skill.outputSchema === undefined ? null : schemaMismatch(skill.outputSchema, value);
    if (mismatch === null) continue;
    const message = `The delivery does not satisfy the schema of ${skill.id}: ${mismatch}.`.toWellFormed();
    return { accepted: false, code: 'SCHEMA_MISMATCH', message };
  }
  const checks = skills.flatMap((skill) => skill.checks);
  const expressions = checks.map((check) => check.expression);
  const { quality, failedChecks } = qualityOf(checks, await sandbox.evaluate(expressions, { task, value }));
  return { accepted: true, quality, qualitySource: quality === null ? null : 'check', failedChecks };
}

async function crossValidate(sandbox: Sandbox, synthesis: TaskToValidate): Promise<CrossValidation> {
  const { task, deliveries } = synthesis;
  const rules = applicableRules(synthesis.rules, deliveries);
  const expressions = rules.map((rule) => rule.expression);
  return judgeRules(rules, await sandbox.evaluate(expressions, { task, deliveries }), { task, deliveries });
}
