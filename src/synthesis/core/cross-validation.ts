import type { Rule, Warning } from '../../contracts/task.ts';
import type { Evaluation } from './evaluation.ts';
import { pathsRead, deliveriesNamed } from './expressions.ts';

/** What rules and checks see of a task. */
export interface TaskFacts {
  id: string;
  type: string;
  description?: string | undefined;
  requiredSkills: readonly string[];
  data: Record<string, unknown>;
}

/** A rule that says `reject` and does not hold; `blame` names one delivered skill or more. */
export interface Rejection {
  rule: string;
  message: string;
  blame: string[];
}

export interface CrossValidation {
  warnings: Warning[];
  rejections: Rejection[];
}

/** Accepted deliveries by skill; for a task without skills, by its type. */
export type Deliveries = Readonly<Record<string, unknown>>;

const VALUES_SHOWN = 6;
const VALUE_CHARACTERS = 80;

/** The rules that can be decided: one that names an absent delivery is skipped, one that does not parse is not. */
export function applicableRules(rules: readonly Rule[], deliveries: Deliveries): Rule[] {
  return rules.filter((rule) => namedBy(rule).every((skill) => Object.hasOwn(deliveries, skill)));
}

/**
 * What the evaluations of the applicable rules mean. Only `false` breaks a rule: a warning or, where its severity says so,
 * a rejection. A rule that cannot be evaluated, or answers nothing, is a warning of its own whatever its severity: nobody
 * is rejected for what nobody decided. A broken rule that blames none of the deliveries is a warning too.
 * @param evaluations one for each of `rules`, in their order
 */
export function judgeRules(
  rules: readonly Rule[],
  evaluations: readonly Evaluation[],
  facts: { task: TaskFacts; deliveries: Deliveries },
): CrossValidation {
  const result: CrossValidation = { warnings: [], rejections: [] };
  rules.forEach((rule, i) => {
    const evaluation = evaluations[i] ?? { kind: 'nothing' };
    const message = faultMessage(rule, evaluation, facts);
    if (message === null) return;
    const found = { rule: rule.name, message, blame: blameOf(rule, facts.deliveries) };
    const rejects = evaluation.kind === 'decided' && rule.severity === 'reject' && found.blame.length > 0;
    (rejects ? result.rejections : result.warnings).push(found);
  });
  return result;
}

function faultMessage(
  rule: Rule,
  evaluation: Evaluation,
  facts: { task: TaskFacts; deliveries: Deliveries },
): string | null {
  const stated = `"${rule.name}" (${rule.expression})`;
  const values = valuesRead(rule, facts);
  const seen = values === '' ? '' : `; ${values}`;
  switch (evaluation.kind) {
    case 'decided':
      return evaluation.holds ? null : `${stated} does not hold${seen}`;
    case 'nothing':
      return `${stated} could not be decided: it came to no value${seen}`;
    case 'fault':
      return `${stated} could not be evaluated: ${evaluation.message}${seen}`;
    case 'other':
      return null;
  }
}

/**
 * Those of the delivered skills that the rule blames; where it says nothing of blame, those that its expression names, or
 * all where it names none. Nothing is added when the blamed have not delivered: only they were told that they may be.
 */
function blameOf(rule: Rule, deliveries: Deliveries): string[] {
  const named = namedBy(rule);
  const blamed = rule.blame ?? (named.length > 0 ? named : Object.keys(deliveries));
  return blamed.filter((skill) => Object.hasOwn(deliveries, skill));
}

function namedBy(rule: Rule): readonly string[] {
  return ifItParses(() => deliveriesNamed(rule.expression)) ?? [];
}

/** `deliveries.finance.allocated = 50000, …` for the plain paths of a rule that lead to a number, a text or a truth value. */
function valuesRead(rule: Rule, facts: { task: TaskFacts; deliveries: Deliveries }): string {
  const paths = ifItParses(() => pathsRead(rule.expression)) ?? [];
  return paths
    .filter(([root]) => root === 'deliveries' || root === 'task')
    .flatMap((path) => {
      const value = valueAt(facts, path);
      return value !== null && typeof value === 'object' ? [] : [`${path.join('.')} = ${shown(value)}`];
    })
    .slice(0, VALUES_SHOWN)
    .join(', ');
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= VALUE_CHARACTERS ? text : `${text.slice(0, VALUE_CHARACTERS).toWellFormed()}…`;
}

/** Undefined for an expression that does not parse: evaluating it says so. */
function ifItParses<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
