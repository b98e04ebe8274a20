/**
 * Settles what steps wait for: their conditions. Anybody's expressions are evaluated outside of the transaction, in the
 * sandbox; the transaction decides whether the answer still counts. Equal on every orchestrator: who comes second is refused.
 */
import { sql } from 'kysely';
import type { TaskSpec } from '../contracts/task.ts';
import type { Database } from '../db/database.ts';
import { dependencyDeliveries } from '../db/step-deliveries.ts';
import type { ConditionsAnswer } from './core/commands.ts';
import { Workflow } from './core/workflow.ts';
import type { Synthesis } from './ports.ts';
import type { TaskStore } from './task-store.ts';

/** Steps looked at in one go; deliveries are read with them. */
const MAX_BATCH = 20;

export interface ConditionsOptions {
  tasks: TaskStore;
  synthesis: Pick<Synthesis, 'evaluate'>;
}

interface HeldStep {
  taskId: string;
  subtaskId: string;
  stepId: string;
  iteration: number;
  spec: TaskSpec;
  data: Record<string, unknown>;
  deliveries: Record<string, unknown>;
}

export async function settleHeldSteps({ tasks, synthesis }: ConditionsOptions): Promise<void> {
  for (;;) {
    const held = await readHeldSteps(tasks.db);
    for (const step of held) {
      const answer = await answerOf(step, synthesis);
      const { taskId, subtaskId, iteration } = step;
      const command = { kind: 'settle_conditions', subtaskId, iteration, answer } as const;
      await tasks.transact([taskId], () => ({ commands: [{ taskId, command }] }));
    }
    if (held.length < MAX_BATCH) return;
  }
}

async function readHeldSteps(db: Database): Promise<HeldStep[]> {
  const { rows } = await sql<HeldStep>`
    select s.task_id as "taskId", s.id as "subtaskId", s.step_id as "stepId", s.iteration, t.spec, t.data,
      ${dependencyDeliveries} as deliveries
    from subtask s join task t on t.id = s.task_id
    where s.hold = 'condition' order by s.task_id, s.ord limit ${MAX_BATCH}`.execute(db);
  return rows;
}

/** All must hold; the first that does not, or that nobody can tell, decides. */
async function answerOf(
  { taskId, stepId, spec, data, deliveries }: HeldStep,
  synthesis: ConditionsOptions['synthesis'],
): Promise<ConditionsAnswer> {
  const workflow = new Workflow(spec.steps ?? []);
  const step = workflow.step(stepId);
  const expressions = step === undefined ? [] : workflow.conditionsOf(step);
  const { type, description, requiredSkills } = spec;
  const task = { id: taskId, type, ...(description === undefined ? {} : { description }), requiredSkills, data };
  const answers = await synthesis.evaluate({ task, expressions, deliveries });
  const deciding = answers.find((answer) => answer !== true);
  if (deciding === undefined) return { kind: 'hold' };
  if (typeof deciding === 'boolean') return { kind: 'do_not_hold' };
  return { kind: 'fault', message: `Its condition ${deciding.fault}.` };
}
