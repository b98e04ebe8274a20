import { sql } from 'kysely';
import type { Rule } from '../contracts/task.ts';
import type { Database } from '../db/database.ts';
import type { DeliveredPart, TaskForJudging } from './ports.ts';

export interface SynthesisInput {
  task: TaskForJudging;
  rules: Rule[];
  parts: DeliveredPart[];
  allAccepted: boolean;
  traceparent: string | undefined;
}

/** What a synthesis is made from; null if the task is not at this epoch's synthesis any more. */
export async function readForSynthesis(db: Database, taskId: string, epoch: number): Promise<SynthesisInput | null> {
  const [task, parts] = await Promise.all([
    db
      .selectFrom('task')
      .select(['spec', 'data'])
      .where('id', '=', taskId)
      .where('epoch', '=', epoch)
      .where('status', '=', 'synthesizing')
      .executeTakeFirst(),
    sql<DeliveredPart & { status: string }>`
      select s.skills, s.step_id as "stepId", s.agent_id as "agentId", s.status, s.quality, s.started_at as "startedAt",
        s.finished_at as "finishedAt", a.value
      from subtask s left join attempt a on a.subtask_id = s.id and a.epoch = s.epoch and s.status = 'accepted'
      where s.task_id = ${taskId} order by s.ord`.execute(db),
  ]);
  if (task === undefined) return null;
  const { rows } = parts;
  const { spec } = task;
  return {
    task: {
      id: taskId,
      type: spec.type,
      ...(spec.description === undefined ? {} : { description: spec.description }),
      requiredSkills: spec.requiredSkills,
      data: task.data,
    },
    rules: spec.rules,
    parts: rows.filter((row) => row.status === 'accepted'),
    allAccepted: rows.every((row) => row.status === 'accepted' || row.status === 'skipped'),
    traceparent: spec.traceparent,
  };
}
