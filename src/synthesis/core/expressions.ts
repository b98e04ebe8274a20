import { LRUCache } from 'lru-cache';
import jsonata from 'jsonata';

/**
 * What can be known of a JSONata expression by reading it. Nothing is evaluated here: that is the sandbox's work.
 *
 * A skill with a `-` must be written in backticks, as `` deliveries.`market-research`.size ``: without them JSONata reads
 * a subtraction.
 */
interface ReadExpression {
  /** The members of `deliveries` that the expression names, each once. */
  deliveriesNamed: readonly string[];
  /** Plain paths from the root, such as `['deliveries', 'finance', 'allocated']`, each once. */
  paths: readonly (readonly string[])[];
}

/** JSONata's tree, as far as it is looked at. The published type leaves out binds and nested blocks. */
interface Node {
  type?: string;
  value?: unknown;
  name?: string;
  steps?: Node[];
  stages?: Node[];
  expressions?: Node[];
  arguments?: Node[];
  procedure?: Node;
  lhs?: unknown;
  rhs?: unknown;
}

const EXPRESSIONS_KEPT = 1_000;
const read = new LRUCache<string, ReadExpression | { fault: string }>({
  max: EXPRESSIONS_KEPT,
  memoMethod: (expression) => readOrFault(expression),
});

/**
 * JSONata's reader takes the square of the steps of a path: 2,000 of them, which fit in 4,000 characters, take 100–400 ms.
 * Within these limits the worst known expressions of 4,000 characters take 10 ms.
 */
const STEPS_LIMIT = 300;
const NESTING_LIMIT = 64;

/**
 * Why an expression cannot be used, with the position of the fault where there is one; null if it parses. Remembered, for
 * the last 1,000 expressions.
 */
export function compileCheck(expression: string): string | null {
  const found = read.memo(expression);
  return 'fault' in found ? found.fault : null;
}

/**
 * The deliveries that an expression names, in order of appearance: `deliveries.finance.cost`, `$.deliveries.finance`,
 * `deliveries.(finance.cost > 0)`, `$lookup(deliveries, "finance")`, and through a variable (`$d := deliveries`). A
 * wildcard names none.
 * @throws Error if the expression does not parse
 */
export function deliveriesNamed(expression: string): readonly string[] {
  return readExpression(expression).deliveriesNamed;
}

/**
 * The plain paths that an expression reads, for showing their values beside it.
 * @throws Error if the expression does not parse
 */
export function pathsRead(expression: string): readonly (readonly string[])[] {
  return readExpression(expression).paths;
}

/** A sentence about what JSONata threw: its errors are objects with a code, a message and a position. */
export function describeFault(fault: unknown): string {
  if (typeof fault !== 'object' || fault === null) return String(fault);
  const { message, position } = fault as { message?: unknown; position?: unknown };
  const text = typeof message === 'string' && message !== '' ? message : 'unknown fault';
  return typeof position === 'number' ? `${text} (at character ${position})` : text;
}

function readExpression(expression: string): ReadExpression {
  const found = read.memo(expression);
  if ('fault' in found) throw new Error(found.fault);
  return found;
}

function readOrFault(expression: string): ReadExpression | { fault: string } {
  const fault = sizeFault(expression);
  if (fault !== null) return { fault };
  try {
    const reader = createReader();
    reader.visit(jsonata(expression).ast(), false);
    return { deliveriesNamed: [...reader.named], paths: [...reader.paths.values()] };
  } catch (error) {
    return { fault: describeFault(error) };
  }
}

/** Counts without reading: what stands in texts and in regular expressions counts too. */
function sizeFault(expression: string): string | null {
  const steps = expression.split('.').length - 1;
  if (steps > STEPS_LIMIT) return `it has ${steps} dots; at most ${STEPS_LIMIT} are allowed in one expression`;
  let depth = 0;
  for (const character of expression) {
    if ('([{'.includes(character)) depth += 1;
    else if (')]}'.includes(character)) depth -= 1;
    if (depth > NESTING_LIMIT) return `its brackets are nested more than ${NESTING_LIMIT} deep`;
  }
  return null;
}

/** Walks a tree once. `inDeliveries`: the node is evaluated with `deliveries` as its context, so that a bare name is a skill. */
function createReader() {
  const named = new Set<string>();
  const paths = new Map<string, readonly string[]>();
  const aliases = new Set<string>();

  function visit(node: Node, inDeliveries: boolean): void {
    if (node.type === 'path') visitPath(node.steps ?? [], inDeliveries);
    else if (node.type === 'bind') visitBind(node, inDeliveries);
    else {
      if (node.type === 'function') visitLookup(node);
      for (const child of childrenOf(node)) visit(child, inDeliveries);
    }
  }

  function visitPath(steps: Node[], inDeliveries: boolean): void {
    const skillStep = inDeliveries && isName(steps[0]) ? 0 : endOfDeliveries(steps, aliases);
    const plain = plainPath(steps);
    if (plain !== undefined && !inDeliveries) paths.set(plain.join('\0'), plain);
    steps.forEach((step, i) => {
      if (!isName(step)) visit(step, i === skillStep);
      else {
        if (i === skillStep) named.add(String(step.value));
        for (const child of childrenOf(step)) visit(child, false);
      }
    });
  }

  function visitBind(node: Node, inDeliveries: boolean): void {
    const [variable, source] = [node.lhs as Node, node.rhs as Node];
    if (isDeliveries(source, aliases)) aliases.add(String(variable.value));
    visit(source, inDeliveries);
  }

  function visitLookup(node: Node): void {
    const [object, key] = node.arguments ?? [];
    if (node.procedure?.value !== 'lookup' || object === undefined || key?.type !== 'string') return;
    if (isDeliveries(object, aliases)) named.add(String(key.value));
  }

  return { named, paths, visit };
}

/** The index of the step after the one that answers `deliveries`; −1 where the path does not go through it. */
function endOfDeliveries(steps: Node[], aliases: ReadonlySet<string>): number {
  const [first] = steps;
  if (first?.type === 'variable' && aliases.has(String(first.value))) return 1;
  const start = isRoot(first) ? 1 : 0;
  return isName(steps[start]) && steps[start]?.value === 'deliveries' ? start + 1 : -1;
}

function isDeliveries(node: Node | undefined, aliases: ReadonlySet<string>): boolean {
  if (node === undefined) return false;
  if (node.type === 'variable') return aliases.has(String(node.value));
  if (node.type === 'block') return isDeliveries(node.expressions?.at(-1), aliases);
  return node.type === 'path' && endOfDeliveries(node.steps ?? [], aliases) === node.steps?.length;
}

/** `$` at the head of a path, or `$$`. */
function isRoot(node: Node | undefined): boolean {
  return node?.type === 'variable' && (node.value === '' || node.value === '$');
}

function isName(node: Node | undefined): boolean {
  return node?.type === 'name' || node?.type === 'string';
}

function plainPath(steps: Node[]): string[] | undefined {
  const names = isRoot(steps[0]) ? steps.slice(1) : steps;
  const plain = names.length > 1 && names.every((step) => isName(step) && step.stages === undefined);
  return plain ? names.map((step) => String(step.value)) : undefined;
}

/** Every node below, one level down, whatever member it hangs from. */
function childrenOf(node: Node): Node[] {
  return Object.values(node).flatMap((member: unknown) => nodesIn(member));
}

function nodesIn(member: unknown): Node[] {
  if (Array.isArray(member)) return member.flatMap((one: unknown) => nodesIn(one));
  return typeof member === 'object' && member !== null ? [member] : [];
}
