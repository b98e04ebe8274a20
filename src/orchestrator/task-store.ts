/**
 * Carries decisions into PostgreSQL: one transaction locks the tasks in the order of their ids, reads them with their
 * subtasks and open attempts, lets the caller choose commands, decides each, and writes everything that was decided in one
 * statement. Every change of a task goes this way, many tasks to a transaction.
 *
 * Lock order: task (by id) → attempt (by subtask, epoch) → agent → ledger → audit trail. Pools lock attempts only, in the same order.
 */
import type { RawBuilder } from 'kysely';
import type { Database, Trx } from '../db/database.ts';
import { sendLast, type Answers, type Sent, type Statement } from '../db/pipeline.ts';
import { crashPoint } from '../util/crash-point.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { LockedTask } from './core/attempts.ts';
import type { Command } from './core/commands.ts';
import type { Decision, RefusalReason } from './core/decision.ts';
import { decide } from './core/task-machine.ts';
import type { TaskRecord } from './core/task-record.ts';
import { isFinal } from '../contracts/task.ts';
import type { Ledger } from './ports.ts';
import { TaskWrites, type CommitSummary } from './task-writes-store.ts';
import { loadTasks } from './task-rows-store.ts';

export interface PlannedCommand {
  taskId: string;
  command: Command;
  /** Carried out with the command, unless that is refused. */
  record?: Statement | undefined;
  /** Told whether the command was carried out; its effects are not committed yet. */
  onDecided?: (refusal: RefusalReason | undefined) => void;
}

/** In the transaction, with the tasks locked: what shall be done, and which changes of attempts have been read. */
export interface Plan {
  commands: PlannedCommand[];
  seen?: { subtaskId: string; epoch: number; changes: number }[];
  /** Called when all is decided and on its way to the store, but not committed. */
  onAllDecided?: () => void;
}

type Planner<Reads extends readonly RawBuilder<unknown>[]> = (
  locked: ReadonlyMap<string, LockedTask>,
  trx: Trx,
  now: Date,
  answers: Answers<Reads>,
) => Plan | Promise<Plan>;

export interface TaskStoreOptions {
  db: Database;
  ledger: Ledger;
  metrics: Metrics;
  /** An award that nobody claims is dispatched again after this long. */
  dispatchMs: number;
  /** A synthesis that does not end is begun again after this long. */
  synthesisMs: number;
  onCommit: (summary: CommitSummary) => void;
}

/** Begins a transaction, carries out `work` in it, and commits. */
type Transaction = <Answer>(work: (trx: Trx) => Promise<Answer>) => Promise<Answer>;

export class TaskStore {
  readonly db: Database;
  private readonly options: TaskStoreOptions;

  constructor(options: TaskStoreOptions) {
    this.db = options.db;
    this.options = options;
  }

  /** Runs one transaction over these tasks. Ids that do not exist are simply absent from `locked`. */
  transact(taskIds: readonly string[], plan: Planner<[]>): Promise<void> {
    return this.transactReading([], taskIds, plan);
  }

  /** The same. What `reads` ask under the tasks' locks comes with them, in one round trip. */
  async transactReading<const Reads extends readonly RawBuilder<unknown>[]>(
    reads: Reads,
    taskIds: readonly string[],
    plan: Planner<Reads>,
    transaction: Transaction = (work) => this.db.transaction().execute(work),
  ): Promise<void> {
    if (taskIds.length === 0) return;
    const sent: Sent[] = [];
    let commands: readonly PlannedCommand[] = [];
    const summary = await transaction(async (trx) => {
      const { tasks, now, answers } = await loadTasks(trx, taskIds, reads);
      const planned = await plan(tasks, trx, now, answers);
      commands = planned.commands;
      const writes = new TaskWrites({
        now,
        dispatchMs: this.options.dispatchMs,
        synthesisMs: this.options.synthesisMs,
      });
      const present = new Map([...tasks].map(([id, locked]) => [id, locked.task]));
      const records: Statement[] = [];
      for (const { taskId, command, record, onDecided } of commands) {
        const refusal = this.decideOne(present, taskId, command, now, writes);
        if (refusal === undefined && record !== undefined) records.push(record);
        onDecided?.(refusal);
      }
      for (const seen of planned.seen ?? []) writes.markSeen(seen);
      sent.push(await sendLast(trx, [...writes.statements(this.options.ledger), ...records]));
      planned.onAllDecided?.();
      for (const { command } of commands) crashPoint(`before-${command.kind}`);
      return writes.summary();
    })
      // What failed says more than the commit that became a rollback.
      .finally(() => sent[0]?.done);
    for (const { command } of commands) crashPoint(`after-${command.kind}`);
    this.options.metrics.transactionTasks.observe(taskIds.length);
    this.options.onCommit(summary);
  }

  /** One command on one task, and what records it, in a transaction of the caller's. Undefined if it was carried out. */
  async command(one: PlannedCommand, transaction: Transaction): Promise<RefusalReason | undefined> {
    let outcome: RefusalReason | undefined;
    const onDecided = (refusal: RefusalReason | undefined) => (outcome = refusal);
    await this.transactReading([], [one.taskId], () => ({ commands: [{ ...one, onDecided }] }), transaction);
    return outcome;
  }

  private decideOne(
    present: Map<string, TaskRecord>,
    taskId: string,
    command: Command,
    now: Date,
    writes: TaskWrites,
  ): RefusalReason | undefined {
    const before = present.get(taskId);
    if (before === undefined) return 'ENDED';
    const decision: Decision = decide(before, command, now);
    if (!decision.ok) return decision.refusal;
    present.set(taskId, decision.task);
    writes.add(before, decision);
    if (isFinal(decision.task.status) && !isFinal(before.status)) {
      this.options.metrics.tasksEnded.inc({ status: decision.task.status });
    }
    return undefined;
  }
}
