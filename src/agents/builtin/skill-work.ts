import type { AgentDefinition, ExecutionContext, SubtaskInput } from '../../contracts/agent-definition.ts';

/** What a built-in agent makes of one skill; `method` is added when it is delivered. */
export interface WorkOutput {
  /** What was taken for granted for want of data; empty when nothing was. */
  assumptions: string[];
  [section: string]: unknown;
}

export type SkillWork = (subtask: SubtaskInput, context: ExecutionContext) => WorkOutput | Promise<WorkOutput>;

/**
 * The `execute` of an agent that does its skills by rules. A subtask of several skills gets the sections of all, where
 * two have a section of the same name that of the skill named first; one of no skill gets the agent's first skill.
 */
export function ruleBasedWork(workBySkill: Record<string, SkillWork>): AgentDefinition['execute'] {
  return async (subtask, context) => {
    const works = worksFor(subtask, workBySkill);
    const outputs: WorkOutput[] = [];
    for (const work of works) {
      context.signal.throwIfAborted();
      outputs.push(await work(subtask, partOfContext(context, outputs.length, works.length)));
    }
    context.madeBy({ method: 'rules' });
    context.progress(100, 'done');
    const assumptions = [...new Set(outputs.flatMap((output) => output.assumptions))];
    const sections = Object.fromEntries(outputs.toReversed().flatMap((output) => Object.entries(output)));
    return { ...sections, method: 'rule-based', assumptions };
  };
}

function worksFor(subtask: SubtaskInput, workBySkill: Record<string, SkillWork>): SkillWork[] {
  const known = new Map(Object.entries(workBySkill));
  const asked = subtask.skills.length > 0 ? subtask.skills : [subtask.skill ?? ''].filter((skill) => skill !== '');
  if (asked.length === 0) return [...known.values()].slice(0, 1);
  const works = asked.map((skill) => known.get(skill)).filter((work) => work !== undefined);
  if (works.length === 0) {
    throw new Error(`Asked for ${asked.join(', ')}, but this agent's skills are ${[...known.keys()].join(', ')}`);
  }
  return [...new Set(works)];
}

/** The same context, in which 0–100 % of this part is its share of the whole. */
export function partOfContext(context: ExecutionContext, index: number, parts: number): ExecutionContext {
  if (parts === 1) return context;
  return {
    signal: context.signal,
    log: context.log,
    attempt: context.attempt,
    idempotencyKey: context.idempotencyKey,
    progress: (percent, note) => context.progress((100 * index + percent) / parts, note),
    usage: (used) => context.usage(used),
    madeBy: (maker) => context.madeBy(maker),
    market: context.market,
    ask: (agentId, topic, data, options) => context.ask(agentId, topic, data, options),
    publish: (topic, data) => context.publish(topic, data),
  };
}
