import type { AgentDefinition, ExecutionContext, SubtaskInput } from '../contracts/agent-definition.ts';
import { DEFAULT_CAPACITY } from '../contracts/agent.ts';
import { makerSchema, type Maker, type Usage } from '../contracts/task.ts';
import type { Database } from '../db/database.ts';
import { inSpan } from '../observability/tracing.ts';
import type { Logger } from '../observability/logger.ts';
import { crashPoint } from '../util/crash-point.ts';
import { Batcher } from '../util/batcher.ts';
import { isStoreFailure, persist } from '../util/store-failure.ts';
import { errorText } from '../util/error-text.ts';
import { storableText, toStorableJson } from '../util/json.ts';
import {
  claimAttempts,
  handBackAttempts,
  reportAttempts,
  reportProgress,
  type AttemptId,
  type AttemptReport,
  type ClaimedAttempt,
} from './attempt-store.ts';
import { agentLog } from './agent-log.ts';
import type { MarketAccess } from './market-access.ts';
import type { Messenger } from './messenger.ts';
import { ProgressReporter } from './progress-reporter.ts';

/** A larger delivery costs the agent its attempt. */
const MAX_DELIVERY_BYTES = 1024 * 1024;
const MAX_ERROR_CHARS = 2_000;
const MAX_USED = 1e12;
const NOTHING_USED: Usage = { inputTokens: 0, outputTokens: 0, costUsd: 0 };
const BATCH = { maxItems: 200, maxActive: 2 };
/** Work that has ended by then is told with its end: one transaction of the orchestrator instead of two. */
const START_TOLD_MS = 25;

export interface WorkbenchOptions {
  /** Of the pool. */
  name: string;
  agents: readonly AgentDefinition[];
  db: Database;
  replicaId: string;
  leaseMs: number;
  logger: Logger;
  messenger: Messenger;
  market: MarketAccess;
  onReport: () => void;
}

interface Running extends AttemptId {
  agentId: string;
  controller: AbortController;
}

/** Of an attempt that nobody answers for: its process has handed it back, or has given it up for its lease to run out. */
class Unanswered extends Error {
  readonly handedBack: boolean;

  constructor(reason: string, handedBack: boolean) {
    super(reason);
    this.handedBack = handedBack;
  }
}

type Ending = Pick<AttemptReport, 'outcome' | 'value' | 'error'>;

/** What an agent tells of its work while it works. */
interface Told {
  usage: Usage;
  madeBy: Maker | null;
}

/** Runs attempts of a process's agents, from claim to report. */
export class Workbench {
  private readonly options: WorkbenchOptions;
  private readonly agents: ReadonlyMap<string, AgentDefinition>;
  /** From the claim to the report: a job that comes again meanwhile is nothing new. */
  private readonly underWay = new Set<string>();
  private readonly active = new Map<string, Running>();
  private readonly activePerAgent = new Map<string, number>();
  private readonly claims: Batcher<AttemptId, ClaimedAttempt | undefined>;
  private readonly reports: Batcher<AttemptReport, undefined>;
  private readonly progress: ProgressReporter;
  private idleWaiters: (() => void)[] = [];

  constructor(options: WorkbenchOptions) {
    this.options = options;
    this.agents = new Map(options.agents.map((agent) => [agent.id, agent]));
    this.claims = new Batcher((ids) => this.claim(ids), BATCH);
    this.reports = new Batcher((reports) => this.report(reports), BATCH);
    this.progress = new ProgressReporter(async (rows) => {
      await reportProgress(options.db, rows);
      options.onReport();
    }, options.logger);
  }

  /** 100 × running subtasks of the agent in this process / its capacity. */
  loadPercent(agentId: string): number {
    const capacity = this.agents.get(agentId)?.capacity ?? DEFAULT_CAPACITY;
    return (100 * (this.activePerAgent.get(agentId) ?? 0)) / capacity;
  }

  running(): AttemptId[] {
    return [...this.active.values()].map(({ subtaskId, epoch }) => ({ subtaskId, epoch }));
  }

  /** Aborts these attempts where they run here: they count no more. */
  revoke(attempts: readonly AttemptId[]): void {
    for (const { subtaskId, epoch } of attempts) {
      this.active.get(keyOf(subtaskId, epoch))?.controller.abort(new Error('this attempt counts no more'));
    }
  }

  /** Stops all work, to run elsewhere at once. */
  handBackAll(reason: string): void {
    this.abortAll(new Unanswered(reason, true));
  }

  /** Stops all work, to run elsewhere when its leases have run out. */
  giveUpAll(reason: string): void {
    this.abortAll(new Unanswered(reason, false));
  }

  private abortAll(reason: Unanswered): void {
    for (const { controller } of this.active.values()) controller.abort(reason);
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    if (this.active.size === 0) return;
    await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  /** Progress that is still held back is written. */
  async flush(): Promise<void> {
    await this.progress.close();
  }

  /** Claims an attempt and, if it was still to be had, carries it out. Resolves when it has been reported. */
  async run(id: AttemptId): Promise<void> {
    const key = keyOf(id.subtaskId, id.epoch);
    if (this.underWay.has(key)) return;
    this.underWay.add(key);
    try {
      await this.runOnce(id);
    } finally {
      this.underWay.delete(key);
    }
  }

  private async runOnce(id: AttemptId): Promise<void> {
    crashPoint('before-claim');
    const claimed = await this.claims.add(id);
    if (claimed === undefined) return;
    const { subtaskId, agentId, attempt, spec } = claimed;
    const attributes = { 'swarmbid.subtask': subtaskId, 'swarmbid.agent': agentId, 'swarmbid.attempt': attempt };
    await inSpan('subtask', { parent: spec.traceparent, kind: 'consumer', attributes }, () => this.carryOut(claimed));
  }

  private async carryOut(claimed: ClaimedAttempt): Promise<void> {
    crashPoint('after-claim');
    const tellStart = setTimeout(this.options.onReport, START_TOLD_MS);
    const agent = this.agents.get(claimed.agentId);
    const key = keyOf(claimed.subtaskId, claimed.epoch);
    const controller = new AbortController();
    this.active.set(key, { subtaskId: claimed.subtaskId, epoch: claimed.epoch, agentId: claimed.agentId, controller });
    this.activePerAgent.set(claimed.agentId, (this.activePerAgent.get(claimed.agentId) ?? 0) + 1);
    try {
      const told: Told = { usage: { ...NOTHING_USED }, madeBy: null };
      const ending =
        agent === undefined
          ? new Unanswered('this process has no such agent', false)
          : await this.execute(agent, claimed, controller, told);
      this.release(key, claimed.agentId);
      const progress = this.progress.take(claimed);
      if (ending instanceof Unanswered) {
        if (ending.handedBack) await this.handBack(claimed);
        return;
      }
      crashPoint('before-report');
      await this.reports.add({
        subtaskId: claimed.subtaskId,
        epoch: claimed.epoch,
        ...told,
        percent: progress?.percent ?? null,
        note: progress?.note ?? null,
        ...ending,
      });
      crashPoint('after-report');
    } finally {
      clearTimeout(tellStart);
      this.release(key, claimed.agentId);
    }
  }

  /** The lease ends now instead of running out; if the store cannot be told, it runs out. */
  private async handBack({ subtaskId, epoch }: ClaimedAttempt): Promise<void> {
    const { db, replicaId, logger } = this.options;
    await handBackAttempts(db, [{ subtaskId, epoch }], replicaId).catch((error: unknown) => {
      logger.debug({ err: error, subtaskId }, 'work was given up without telling the store');
    });
  }

  private release(key: string, agentId: string): void {
    if (!this.active.delete(key)) return;
    this.activePerAgent.set(agentId, Math.max(0, (this.activePerAgent.get(agentId) ?? 0) - 1));
    if (this.active.size > 0) return;
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  /** Never rejects: whatever the agent does becomes an ending. */
  private async execute(
    agent: AgentDefinition,
    claimed: ClaimedAttempt,
    controller: AbortController,
    told: Told,
  ): Promise<Ending | Unanswered> {
    let timer: NodeJS.Timeout | undefined;
    const cut = new Promise<Ending | Unanswered>((resolve) => {
      timer = setTimeout(() => {
        resolve({ outcome: 'timed_out', value: null, error: `Not done within ${claimed.timeoutMs} ms.` });
        controller.abort(new Error(`out of time after ${claimed.timeoutMs} ms`));
      }, claimed.timeoutMs);
      controller.signal.addEventListener(
        'abort',
        () => {
          const reason: unknown = controller.signal.reason;
          resolve(reason instanceof Unanswered ? reason : failure(`Aborted: ${errorText(reason)}`));
        },
        { once: true },
      );
    });
    try {
      const context = this.contextFor(agent, claimed, controller, told);
      const work = Promise.resolve(agent.execute(inputOf(claimed), context)).then(deliveryOf);
      // An abandoned agent may still fail later; that is no longer anybody's error.
      work.catch(() => undefined);
      return await Promise.race([work, cut]);
    } catch (error) {
      return failure(reasonOf(error));
    } finally {
      clearTimeout(timer);
      if (!controller.signal.aborted) controller.abort(new Error('the attempt is over'));
    }
  }

  private contextFor(
    agent: AgentDefinition,
    claimed: ClaimedAttempt,
    controller: AbortController,
    told: Told,
  ): ExecutionContext {
    const { subtaskId, epoch, taskId, attempt } = claimed;
    const { usage } = told;
    const sender = { agentId: agent.id, taskId, subtaskId, team: claimed.team, signal: controller.signal };
    return {
      signal: controller.signal,
      progress: (percent, note) => {
        if (!controller.signal.aborted) this.progress.report({ subtaskId, epoch }, percent, note);
      },
      log: agentLog(this.options.logger, { agentId: agent.id, taskId, subtaskId }),
      attempt,
      idempotencyKey: `sub_${subtaskId}${claimed.step?.revision ? `_${claimed.step.revision.iteration}` : ''}`,
      usage: (more) => {
        usage.inputTokens = used(usage.inputTokens + Math.round(used(more.inputTokens)));
        usage.outputTokens = used(usage.outputTokens + Math.round(used(more.outputTokens)));
        usage.costUsd = used(usage.costUsd + used(more.costUsd));
      },
      madeBy: (maker) => {
        told.madeBy = makerSchema.parse(maker);
      },
      market: this.options.market.forAttempt(claimed),
      ask: (agentId, topic, data, options) =>
        this.options.messenger.ask(sender, agentId, topic, data, options?.timeoutMs),
      publish: (topic, data) => this.options.messenger.publish(sender, topic, data),
    };
  }

  /** What the store does not take in itself costs its agent the attempt, and nobody else anything. */
  private async reportAlone(report: AttemptReport): Promise<void> {
    const { db, replicaId } = this.options;
    const { subtaskId, epoch } = report;
    const unstorable = {
      ...failure('The report cannot be stored.'),
      subtaskId,
      epoch,
      usage: NOTHING_USED,
      madeBy: null,
      percent: null,
      note: null,
    };
    await persist(() => reportAttempts(db, [report], replicaId)).catch(() =>
      persist(() => reportAttempts(db, [unstorable], replicaId)),
    );
  }

  private async claim(ids: AttemptId[]): Promise<(ClaimedAttempt | undefined)[]> {
    const { db, replicaId, name, leaseMs } = this.options;
    // A claim whose commit was not seen is made again: it is ours already.
    const claimed = await persist(() => claimAttempts(db, ids, { id: replicaId, pool: name }, leaseMs));
    const byKey = new Map(claimed.map((one) => [keyOf(one.subtaskId, one.epoch), one]));
    return ids.map((id) => byKey.get(keyOf(id.subtaskId, id.epoch)));
  }

  private async report(reports: AttemptReport[]): Promise<undefined[]> {
    const { db, replicaId, logger } = this.options;
    try {
      await persist(() => reportAttempts(db, reports, replicaId));
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      logger.error({ err: error }, 'a report cannot be stored; its attempt counts as failed, the others are repeated');
      for (const report of reports) await this.reportAlone(report);
    }
    this.options.onReport();
    return reports.map(() => undefined);
  }
}

const keyOf = (subtaskId: string, epoch: number) => `${subtaskId}:${epoch}`;

const failure = (error: string): Ending => ({
  outcome: 'failed',
  value: null,
  error: storableText(error, MAX_ERROR_CHARS),
});

/** What an agent says it used, 0 or more; nonsense counts as nothing. */
const used = (amount: number | undefined) =>
  Number.isFinite(amount) ? Math.min(MAX_USED, Math.max(0, amount ?? 0)) : 0;

function deliveryOf(value: unknown): Ending {
  const storable = toStorableJson(value, MAX_DELIVERY_BYTES);
  if (storable.ok) return { outcome: 'delivered', value: storable.value, error: null };
  return failure(`The delivery cannot be stored: ${storable.reason}.`);
}

function reasonOf(error: unknown): string {
  const text = errorText(error);
  return text === '' ? 'The agent threw without a message.' : text;
}

function inputOf(claimed: ClaimedAttempt): SubtaskInput {
  const { spec, skills, data, team, agentId, step } = claimed;
  const description = step?.description ?? spec.description;
  return {
    id: claimed.subtaskId,
    taskId: claimed.taskId,
    type: spec.type,
    ...(description === undefined ? {} : { description }),
    skill: skills[0] ?? null,
    skills,
    ...(spec.domain === undefined ? {} : { domain: spec.domain }),
    complexity: spec.complexity,
    data: step?.data === undefined ? data : { ...data, ...step.data },
    team: team
      .filter((member) => member.agentId !== agentId)
      .map((member) => ({ agentId: member.agentId, skills: member.skills })),
    ...(spec.deadline === undefined ? {} : { deadline: spec.deadline }),
    timeoutMs: claimed.timeoutMs,
    ...(claimed.maxTokens === null && claimed.maxCostUsd === null ? {} : { budget: budgetOf(claimed) }),
    ...(step === null ? {} : { stepId: step.id, dependencies: step.dependencies }),
    ...(step?.revision ? { revision: step.revision } : {}),
  };
}

function budgetOf({ maxTokens, maxCostUsd }: ClaimedAttempt): NonNullable<SubtaskInput['budget']> {
  return { ...(maxTokens === null ? {} : { maxTokens }), ...(maxCostUsd === null ? {} : { maxCostUsd }) };
}
