import { sql, type RawBuilder } from 'kysely';

/**
 * The accepted deliveries of the steps that a step depends on, as one object by their ids; a skipped step has none. Within a
 * statement that has the step's row as `s` and its task's as `t`.
 */
export const dependencyDeliveries: RawBuilder<Record<string, unknown>> = sql`(
  select coalesce(jsonb_object_agg(d.step_id, da.value), '{}')
  from subtask d join attempt da on da.subtask_id = d.id and da.epoch = d.epoch
  where d.task_id = s.task_id and d.status = 'accepted' and (t.spec -> 'steps' -> s.ord -> 'dependsOn') ? d.step_id)`;
