/**
 * What runs out of time, by the database's clock: leases, dispatches, deadlines, syntheses. Equal on every orchestrator;
 * whoever comes second finds the epoch moved on and is refused.
 */
import { sql } from 'kysely';
import { repeatedSynthesisJobId, subtaskJobId, SYNTHESIS_QUEUE, workQueue } from '../bus/names.ts';
import { readDueAttempts, requeueAttempts } from './attempt-store.ts';
import { divideDue, overdueDecisions, stillLost, type DueAttempt } from './core/recovery-plan.ts';
import { readLiveReplicas } from './market-rows-store.ts';
import { findSuccessors } from './successors.ts';
import type { PlannedCommand, TaskStore } from './task-store.ts';

const MAX_BATCH = 200;
export interface RecoveryOptions {
  tasks: TaskStore;
  leaseMs: number;
  dispatchMs: number;
  onJobs: () => void;
}

export class Recovery {
  private readonly options: RecoveryOptions;

  constructor(options: RecoveryOptions) {
    this.options = options;
  }

  async run(): Promise<void> {
    await this.recoverAttempts();
    await this.expireTasks();
    await this.rejectUndecided();
    await this.repeatSyntheses();
  }

  private async recoverAttempts(): Promise<void> {
    const due = await readDueAttempts(this.options.tasks.db, MAX_BATCH);
    if (due.length === 0) return;
    const live = new Set(
      (await readLiveReplicas(this.options.tasks.db, this.options.leaseMs)).map((replica) => replica.pool),
    );
    const { again, lost } = divideDue(due, live);
    if (again.length > 0) {
      await requeueAttempts(
        this.options.tasks.db,
        again.map(({ subtaskId, epoch, pool }) => ({
          subtaskId,
          epoch,
          queue: workQueue(pool),
          jobId: subtaskJobId(subtaskId, epoch),
        })),
        this.options.dispatchMs,
      );
      this.options.onJobs();
    }
    if (lost.length > 0) await this.loseLeases(lost);
  }

  private async loseLeases(lost: readonly DueAttempt[]): Promise<void> {
    await this.options.tasks.transact(
      lost.map((one) => one.taskId),
      async (locked, trx, now) => {
        const still = lost.flatMap((one) => stillLost(one, locked.get(one.taskId), now));
        const found = await findSuccessors(trx, still, this.options.leaseMs);
        const commands = still.map(({ taskId, subtask, reason }, index): PlannedCommand => {
          const { id: subtaskId, epoch } = subtask;
          return { taskId, command: { kind: 'lose_lease', subtaskId, epoch, reason, successors: found[index] ?? [] } };
        });
        return { commands };
      },
    );
  }

  private async expireTasks(): Promise<void> {
    const { rows } = await sql<{ id: string }>`
      select id from task where deadline <= clock_timestamp()
        and status not in ('completed', 'failed', 'cancelled', 'expired')
      order by deadline limit ${MAX_BATCH}`.execute(this.options.tasks.db);
    await this.options.tasks.transact(
      rows.map((row) => row.id),
      () => ({
        commands: rows.map((row) => ({ taskId: row.id, command: { kind: 'expire' } })),
      }),
    );
  }

  /** Whom nobody has decided of in time is rejected. */
  private async rejectUndecided(): Promise<void> {
    const { rows } = await sql<{ id: string }>`
      select id from task where decision_due_at <= clock_timestamp() order by decision_due_at limit ${MAX_BATCH}`.execute(
      this.options.tasks.db,
    );
    await this.options.tasks.transact(
      rows.map((row) => row.id),
      (locked, _trx, now) => ({
        commands: [...locked.values()].flatMap(({ task }) => overdueDecisions(task, now)),
      }),
    );
  }

  /** Of the same epoch: whichever of the two ends first counts, and the other finds the task gone on. */
  private async repeatSyntheses(): Promise<void> {
    const { tasks, dispatchMs, onJobs } = this.options;
    const repeated = await tasks.db.transaction().execute(async (trx) => {
      const { rows } = await sql<{ id: string; epoch: number; dueAt: Date }>`
        update task set synthesis_due_at = clock_timestamp() + ${dispatchMs} * interval '1 ms'
        where id in (select id from task where status = 'synthesizing' and synthesis_due_at <= clock_timestamp()
                     order by synthesis_due_at limit ${MAX_BATCH} for update skip locked)
        returning id, epoch, synthesis_due_at as "dueAt"`.execute(trx);
      const jobs = rows.map(({ id, epoch, dueAt }) => ({
        queue: SYNTHESIS_QUEUE,
        job_id: repeatedSynthesisJobId(id, epoch, dueAt),
        data: JSON.stringify({ kind: 'synthesis', taskId: id, epoch }),
      }));
      if (jobs.length > 0) await trx.insertInto('outbox').values(jobs).execute();
      return jobs.length;
    });
    if (repeated > 0) onJobs();
  }
}
