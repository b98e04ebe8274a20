/**
 * Reads what pools have written into `attempt` (claims, progress, deliveries) and what agents have said to each other, and
 * turns it into commands: settlement. A pool writes nothing else; every verdict, event and ledger entry is made here.
 *
 * Verdicts are computed before the transaction, from the delivery as it was read; the transaction decides whether they still
 * count. A change that is written in between is left for the next pass: `seen` names what was read.
 */
import type { Trx } from '../db/database.ts';
import type { Metrics } from '../observability/metrics.ts';
import { startSpan } from '../observability/tracing.ts';
import type { Logger } from '../observability/logger.ts';
import { isStoreFailure } from '../util/store-failure.ts';
import type { LockedTask } from './core/attempts.ts';
import type { Verdict } from './core/commands.ts';
import { presentWork, settlementCommands, type Judged } from './core/settlement-plan.ts';
import {
  markMessagesTold,
  MAX_VALUE_BYTES,
  readTaskData,
  readUnread,
  readUnreadMessages,
  type Lane,
  type UnreadAttempt,
} from './attempt-store.ts';
import type { Synthesis, TaskForJudging } from './ports.ts';
import { findSuccessors } from './successors.ts';
import type { PlannedCommand, TaskStore } from './task-store.ts';

const MAX_BATCH = 200;

export interface IntakeOptions {
  tasks: TaskStore;
  synthesis: Synthesis;
  /**
   * `ruled`: deliveries of tasks of one subtask that state rules, and of reviews; `plain`: everything else. Their
   * expressions are anybody's, and a slow one may only hold up its like.
   */
  lane: Lane;
  leaseMs: number;
  logger: Logger;
  metrics: Metrics;
}

export class Intake {
  private readonly options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.options = options;
  }

  async run(): Promise<void> {
    for (;;) {
      const moreToSettle = await this.settle();
      const moreToTell = this.options.lane === 'plain' && (await this.tellMessages());
      if (!moreToSettle && !moreToTell) return;
    }
  }

  /**
   * All at once; if that fails for another reason than the store, task by task, so that one cannot hold up the others.
   * True if there may be more.
   */
  private async settle(): Promise<boolean> {
    const { tasks, lane, logger } = this.options;
    const unread = await readUnread(tasks.db, MAX_BATCH, lane);
    if (unread.length === 0) return false;
    try {
      await this.settleBatch(unread);
    } catch (error) {
      const byTask = [...Map.groupBy(unread, (one) => one.taskId)];
      if (isStoreFailure(error) || byTask.length === 1) throw error;
      for (const [taskId, ofTask] of byTask) {
        await this.settleBatch(ofTask).catch((cause: unknown) =>
          logger.error(
            { err: cause, taskId },
            'what a pool wrote of this task cannot be settled; it will be tried again',
          ),
        );
      }
      return false;
    }
    return unread.length === MAX_BATCH || unread.reduce((sum, one) => sum + one.bytes, 0) >= MAX_VALUE_BYTES;
  }

  private async settleBatch(unread: readonly UnreadAttempt[]): Promise<void> {
    const spans = unread
      .filter(isEnded)
      .map(({ spec: { traceparent: parent }, subtaskId }) =>
        startSpan('settle', { parent, attributes: { 'swarmbid.subtask': subtaskId } }),
      );
    const stop = this.options.metrics.settlementSeconds.startTimer();
    try {
      await this.settleAll(unread);
      stop({ outcome: 'settled' });
      for (const span of spans) span.end();
    } catch (error) {
      stop({ outcome: 'failed' });
      for (const span of spans) span.end(error);
      throw error;
    }
  }

  private async settleAll(unread: readonly UnreadAttempt[]): Promise<void> {
    const judged = await this.judgeAll(unread);
    const taskIds = [...new Set(unread.map((one) => one.taskId))];
    await this.options.tasks.transact(taskIds, async (locked, trx) => ({
      commands: await this.commandsFor(unread, judged, locked, trx),
      seen: unread.map(({ subtaskId, epoch, changes }) => ({ subtaskId, epoch, changes })),
    }));
    for (const [{ claimedAt, endedAt }, { verdict }] of judged) {
      const durationMs = (endedAt?.getTime() ?? NaN) - (claimedAt?.getTime() ?? NaN);
      if (durationMs >= 0) this.options.metrics.subtaskSeconds.observe({ outcome: verdict.kind }, durationMs / 1_000);
    }
  }

  private async commandsFor(
    unread: readonly UnreadAttempt[],
    judged: ReadonlyMap<UnreadAttempt, Judged>,
    locked: ReadonlyMap<string, LockedTask>,
    trx: Trx,
  ): Promise<PlannedCommand[]> {
    const present = unread.flatMap((attempt) => presentWork(attempt, locked.get(attempt.taskId)));
    const failed = present.filter(({ attempt }) => isFailure(judged.get(attempt)));
    const found = await findSuccessors(
      trx,
      failed.map(({ attempt, ...work }) => ({ ...work, failedAgent: attempt.agentId })),
      this.options.leaseMs,
    );
    const successorsOf = new Map(failed.map(({ attempt }, index) => [attempt, found[index] ?? []]));
    return present.flatMap(({ attempt, subtask }) =>
      settlementCommands(attempt, subtask, judged.get(attempt), successorsOf.get(attempt) ?? []).map((command) => ({
        taskId: attempt.taskId,
        command,
      })),
    );
  }

  private async judgeAll(unread: readonly UnreadAttempt[]): Promise<Map<UnreadAttempt, Judged>> {
    const ended = unread.filter(isEnded);
    const needData = new Set<string>();
    for (const attempt of ended) {
      const rules = isSole(attempt) ? attempt.spec.rules.length > 0 : reviewOf(attempt) !== undefined;
      if (attempt.outcome === 'delivered' && (rules || (await this.options.synthesis.judges(attempt.skills)))) {
        needData.add(attempt.taskId);
      }
    }
    const data = await readTaskData(this.options.tasks.db, [...needData]);
    const judged = await Promise.all(
      ended.map(async (attempt) => [attempt, await this.judge(attempt, data.get(attempt.taskId))] as const),
    );
    return new Map(judged);
  }

  private async judge(attempt: UnreadAttempt, data: Record<string, unknown> | undefined): Promise<Judged> {
    if (attempt.outcome !== 'delivered') {
      const timedOut = attempt.outcome === 'timed_out';
      return {
        verdict: {
          kind: timedOut ? 'timed_out' : 'failed',
          code: timedOut ? 'TIMED_OUT' : 'AGENT_FAILED',
          message: attempt.error ?? 'The agent gave no reason.',
        },
        sole: null,
      };
    }
    const { spec, skills, value } = attempt;
    const task = { id: attempt.taskId, ...describe(spec), data: data ?? {} };
    const verdict = data === undefined ? ACCEPTED : await this.verdictOn(task, skills, value);
    if (verdict.kind !== 'accepted') return { verdict, sole: null };
    if (isSole(attempt)) return this.judgeSole(attempt, task, verdict);
    return { verdict, sole: null, sendsBack: !(await this.approves(attempt, task)) };
  }

  /** Only `true` approves: a review that nobody can tell the outcome of is no approval. */
  private async approves(attempt: UnreadAttempt, task: TaskForJudging): Promise<boolean> {
    const review = reviewOf(attempt);
    if (review === undefined) return true;
    const deliveries = { [attempt.stepId ?? '']: attempt.value };
    const [answer] = await this.options.synthesis.evaluate({ task, expressions: [review.until], deliveries });
    return answer === true;
  }

  private async verdictOn(task: TaskForJudging, skills: string[], value: unknown): Promise<Verdict> {
    const judged = await this.options.synthesis.judge({ task, skills, value });
    return judged.accepted
      ? { kind: 'accepted', quality: judged.quality, qualitySource: judged.qualitySource }
      : { kind: 'rejected', code: judged.code, message: judged.message };
  }

  /** A task of one subtask is cross-validated and synthesised here: there is nothing to wait for. */
  private async judgeSole(
    attempt: UnreadAttempt,
    task: TaskForJudging,
    verdict: Extract<Verdict, { kind: 'accepted' }>,
  ): Promise<Judged> {
    const { spec, skills, value } = attempt;
    const deliveries = this.options.synthesis.deliveriesBySkill(spec.type, [{ skills, stepId: null, value }]);
    const { warnings, rejections } =
      spec.rules.length === 0
        ? { warnings: [], rejections: [] }
        : await this.options.synthesis.crossValidate({ task, rules: spec.rules, deliveries });
    const [rejection] = rejections;
    if (rejection !== undefined) {
      return { verdict: { kind: 'rejected', code: 'RULE_BROKEN', message: rejection.message }, sole: null };
    }
    const startedAt = attempt.claimedAt ?? new Date(0);
    const part = {
      skills,
      stepId: null,
      agentId: attempt.agentId,
      value,
      quality: verdict.quality,
      startedAt,
      finishedAt: attempt.endedAt ?? startedAt,
    };
    const result = this.options.synthesis.merge({
      taskId: attempt.taskId,
      taskType: spec.type,
      parts: [part],
      warnings,
      allAccepted: true,
    });
    return { verdict, sole: { result, warnings } };
  }

  private async tellMessages(): Promise<boolean> {
    const { tasks } = this.options;
    const messages = await readUnreadMessages(tasks.db, MAX_BATCH);
    if (messages.length === 0) return false;
    await tasks.transact([...new Set(messages.map((one) => one.taskId))], async (_locked, trx) => {
      const untold = await markMessagesTold(
        trx,
        messages.map((one) => one.id),
      );
      return {
        commands: messages
          .filter((one) => untold.has(one.id))
          .map(({ taskId, subtaskId, from, to, topic }) => ({
            taskId,
            command: { kind: 'say', message: { from, to, topic, subtaskId } } as const,
          })),
      };
    });
    return messages.length === MAX_BATCH;
  }
}

const isEnded = (attempt: UnreadAttempt) => attempt.outcome !== null && !attempt.closed;

const isFailure = (judged: Judged | undefined) => judged !== undefined && judged.verdict.kind !== 'accepted';

/** A workflow goes its own way, even one of a single step. */
const isSole = ({ subtaskCount, stepId }: UnreadAttempt) => subtaskCount === 1 && stepId === null;

const reviewOf = ({ spec, stepId }: UnreadAttempt) => spec.steps?.find((step) => step.id === stepId)?.review;

const ACCEPTED: Verdict = { kind: 'accepted', quality: null, qualitySource: null };

function describe(spec: UnreadAttempt['spec']): { type: string; description?: string; requiredSkills: string[] } {
  return {
    type: spec.type,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    requiredSkills: spec.requiredSkills,
  };
}
