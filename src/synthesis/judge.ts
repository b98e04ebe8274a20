import type { Skill } from '../contracts/skill.ts';
import type { Rule } from '../contracts/task.ts';
import {
  applicableRules,
  judgeRules,
  type CrossValidation,
  type Deliveries,
  type TaskFacts,
} from './core/cross-validation.ts';
import type { Evaluation } from './core/evaluation.ts';
import { qualityOf } from './core/quality.ts';
import { readAhead } from './read-ahead.ts';
import type { Answer, Question } from './sandbox-limits.ts';
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

export interface ConditionsToEvaluate {
  task: TaskFacts;
  expressions: readonly string[];
  deliveries: Deliveries;
}

/** Looks at deliveries with the market's eyes alone: nothing that an agent says of its own work counts. */
export interface Judge {
  /**
   * Rejects a delivery that breaks the schema of one of its skills. One that cannot be decided within SCHEMA_LIMIT_MS is
   * rejected too: agents choose their deliveries, and what nobody could check must not pass for checked. Otherwise its
   * quality is 100 × weight held / weight of all, over the checks of all its skills, and null where they have none. A check
   * sees `{task, value}`; one that is not true, or cannot be evaluated, does not hold.
   *
   * This and the next reject only where the market itself cannot judge: its process cannot be started, or it is closing.
   */
  judgeDelivery(delivery: DeliveryToJudge): Promise<Verdict>;
  /** Compares accepted deliveries with each other and with the task. Rules see `{task, deliveries}`. */
  crossValidate(synthesis: TaskToValidate): Promise<CrossValidation>;
  /** What the conditions of a step come to, one for each expression. Conditions see `{task, deliveries}`. */
  evaluate(conditions: ConditionsToEvaluate): Promise<(boolean | { fault: string })[]>;
  /** Why a JSON Schema cannot be a skill's, or null if it can. */
  schemaFault(schema: Record<string, unknown>): Promise<string | null>;
  /** Ends the judge's processes; what is still asked for rejects. */
  close(): Promise<void>;
}

export function createJudge(): Judge {
  // checks are the admins' and rules anybody's: a slow rule must not hold up verdicts
  const checks = createSandbox('schemas');
  const rules = createSandbox('expressions');
  return {
    judgeDelivery: (delivery) => judgeDelivery(checks, delivery),
    crossValidate: (synthesis) => crossValidate(rules, synthesis),
    evaluate: (conditions) => evaluate(rules, conditions),
    schemaFault: (schema) => schemaFault(checks, schema),
    close: async () => {
      await Promise.all([checks.close(), rules.close()]);
    },
  };
}

async function judgeDelivery(sandbox: Sandbox, delivery: DeliveryToJudge): Promise<Verdict> {
  const { task, skills, value } = delivery;
  const schemas = skills.flatMap(({ id, outputSchema }) => (outputSchema === undefined ? [] : [{ id, outputSchema }]));
  const checks = skills.flatMap((skill) => skill.checks);
  const questions: Question[] = [
    ...schemas.map(({ outputSchema }) => ({ kind: 'satisfies' as const, schema: outputSchema })),
    ...checks.map(({ expression }) => ({ kind: 'expression' as const, expression })),
  ];
  const answers = await sandbox.ask({ questions, input: { task, value } });
  for (const [i, { id }] of schemas.entries()) {
    const message = schemaMessage(id, answers[i]);
    if (message !== null) return { accepted: false, code: 'SCHEMA_MISMATCH', message: message.toWellFormed() };
  }
  const { quality, failedChecks } = qualityOf(checks, answers.slice(schemas.length).map(evaluationOf));
  return { accepted: true, quality, qualitySource: quality === null ? null : 'check', failedChecks };
}

function schemaMessage(skill: string, answer: Answer | undefined): string | null {
  switch (answer?.kind) {
    case 'decided':
      return null;
    case 'mismatch':
      return `The delivery does not satisfy the schema of ${skill}: ${answer.message}.`;
    case 'fault':
      return `The delivery could not be checked against the schema of ${skill}: ${answer.message}.`;
    default:
      return `The delivery could not be checked against the schema of ${skill}.`;
  }
}

async function crossValidate(sandbox: Sandbox, synthesis: TaskToValidate): Promise<CrossValidation> {
  const { task, deliveries } = synthesis;
  await readAhead(synthesis.rules.map((rule) => rule.expression));
  const rules = applicableRules(synthesis.rules, deliveries);
  const questions = rules.map(({ expression }) => ({ kind: 'expression' as const, expression }));
  const answers = await sandbox.ask({ questions, input: { task, deliveries } });
  return judgeRules(rules, answers.map(evaluationOf), { task, deliveries });
}

async function evaluate(
  sandbox: Sandbox,
  { task, expressions, deliveries }: ConditionsToEvaluate,
): Promise<(boolean | { fault: string })[]> {
  const questions = expressions.map((expression) => ({ kind: 'expression' as const, expression }));
  const answers = await sandbox.ask({ questions, input: { task, deliveries } });
  return answers.map((answer, i) => {
    const evaluation = evaluationOf(answer);
    if (evaluation.kind === 'decided') return evaluation.holds;
    const stated = `(${expressions[i]})`;
    if (evaluation.kind === 'fault') return { fault: `${stated} could not be evaluated: ${evaluation.message}` };
    return { fault: `${stated} came to ${evaluation.kind === 'nothing' ? 'no value' : 'neither true nor false'}` };
  });
}

async function schemaFault(sandbox: Sandbox, schema: Record<string, unknown>): Promise<string | null> {
  const [answer] = await sandbox.ask({ questions: [{ kind: 'compiles', schema }], input: null });
  if (answer?.kind === 'mismatch') return answer.message;
  return answer?.kind === 'fault' ? `cannot be compiled: ${answer.message}` : null;
}

/** Only schemas are mismatched, and no value was asked for. */
function evaluationOf(answer: Answer): Evaluation {
  if (answer.kind === 'mismatch') return { kind: 'fault', message: answer.message };
  return answer.kind === 'value' ? { kind: 'other' } : answer;
}
