import { inSpan } from '../observability/tracing.ts';
import type { Logger } from '../observability/logger.ts';
import type { JobQueues, QueueWorker } from '../bus/job-queues.ts';
import { SYNTHESIS_QUEUE } from '../bus/names.ts';
import type { Synthesis } from './ports.ts';
import { isBlamed } from './core/transitions/synthesis.ts';
import { findSuccessors } from './successors.ts';
import { readForSynthesis, type SynthesisInput } from './synthesis-rows-store.ts';
import type { TaskStore } from './task-store.ts';

const CONCURRENCY = 8;

export interface SynthesizerOptions {
  tasks: TaskStore;
  queues: JobQueues;
  synthesis: Synthesis;
  leaseMs: number;
  logger: Logger;
}

/** Puts the accepted deliveries of teams together, as BullMQ work. A job that comes twice finds the epoch moved on. */
export async function startSynthesizer(options: SynthesizerOptions): Promise<QueueWorker> {
  return options.queues.work(SYNTHESIS_QUEUE, CONCURRENCY, async (data) => {
    if (data.kind === 'synthesis') await synthesize(options, data.taskId, data.epoch);
  });
}

async function synthesize(options: SynthesizerOptions, taskId: string, epoch: number): Promise<void> {
  const input = await readForSynthesis(options.tasks.db, taskId, epoch);
  if (input === null) return;
  const attributes = { 'swarmbid.task': taskId };
  await inSpan('synthesis', { parent: input.traceparent, kind: 'consumer', attributes }, () =>
    putTogether(options, taskId, epoch, input),
  );
}

async function putTogether(
  { tasks, synthesis, leaseMs }: SynthesizerOptions,
  taskId: string,
  epoch: number,
  input: SynthesisInput,
): Promise<void> {
  const deliveries = synthesis.deliveriesBySkill(input.task.type, input.parts);
  const { warnings, rejections } = await synthesis.crossValidate({ task: input.task, rules: input.rules, deliveries });
  const result = synthesis.merge({
    taskId,
    taskType: input.task.type,
    parts: input.parts,
    warnings,
    allAccepted: input.allAccepted,
  });
  await tasks.transact([taskId], async (locked, trx) => {
    const task = locked.get(taskId);
    if (task === undefined) return { commands: [] };
    const blamed = task.task.subtasks.filter((subtask) => rejections.some((rejection) => isBlamed(rejection, subtask)));
    const found = await findSuccessors(
      trx,
      blamed.map((subtask) => ({ locked: task, subtask, failedAgent: subtask.agentId })),
      leaseMs,
    );
    const successors = new Map(blamed.map((subtask, index) => [subtask.id, found[index] ?? []]));
    return {
      commands: [{ taskId, command: { kind: 'finish_synthesis', epoch, result, warnings, rejections, successors } }],
    };
  });
}
