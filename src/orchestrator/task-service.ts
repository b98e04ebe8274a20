import { createHash } from 'node:crypto';
import type { AwardReceipt } from '../contracts/award.ts';
import type { Feedback, Principal } from '../contracts/access.ts';
import { MarketError, type FieldError } from '../contracts/errors.ts';
import { decodeCursor, pageOf } from '../contracts/page-cursor.ts';
import type { Page } from '../contracts/primitives.ts';
import type { TaskService } from '../contracts/services.ts';
import type { ParsedTaskSubmission, Rule, TaskListItem, TaskStatus, TaskView } from '../contracts/task.ts';
import { NO_USAGE } from '../contracts/task.ts';
import { auditEntry } from '../db/audit-entry.ts';
import type { OwnedDatabase } from '../db/owned-database.ts';
import { crashPoint } from '../util/crash-point.ts';
import { presentTraceparent } from '../observability/tracing.ts';
import { Batcher } from '../util/batcher.ts';
import { UUID_PATTERN, uuidv7 } from '../util/uuid.ts';
import type { TaskSpec } from '../contracts/task.ts';
import { complexityOf } from './core/team-formation.ts';
import { decideEscalation } from './escalation.ts';
import { insertFeedback } from './feedback-store.ts';
import type { Synthesis } from './ports.ts';
import {
  findKnown,
  insertSubmissions,
  readTime,
  type KnownSubmission,
  type Submission,
  type SubmissionAnswer,
  type SubmissionKey,
} from './submission-store.ts';
import type { TaskStore } from './task-store.ts';
import { specView, TaskViews } from './task-view-store.ts';
import { requiredSkillsOf, stepExpressionsOf, stepFaultsOf, stepInputsOf, stepsOf } from './workflow-submission.ts';

export interface TaskServiceOptions {
  db: OwnedDatabase;
  tasks: TaskStore;
  synthesis: Pick<Synthesis, 'rulesForType' | 'readAhead' | 'compileError' | 'deliveriesNamed'>;
  policies: ReadonlySet<string>;
  defaultPolicy: string;
  /** `conditions`: a step of them has conditions. */
  onSubmitted: (taskIds: readonly string[], conditions: boolean) => void;
}

export function createTaskService(options: TaskServiceOptions): TaskService {
  const { db, tasks } = options;
  const views = new TaskViews(db);
  const inserts = new Batcher<Submission, SubmissionAnswer>((submissions) => insertAll(options, submissions), {
    maxItems: 100,
    maxActive: 2,
  });

  return {
    async submit(principal, submission, idempotencyKey) {
      const { ownerId } = principal;
      const key = idempotencyKey === undefined ? undefined : { text: idempotencyKey, requestHash: hashOf(submission) };
      const rules = (submission.rules ?? []).map((rule) => rule.expression);
      await options.synthesis.readAhead([...rules, ...stepExpressionsOf(submission)]);
      const now = submission.deadline === undefined ? undefined : await readTime(db.everyOwner);
      const fault = faultOf(submission, now, options);
      if (fault !== undefined) return { task: await storedBefore(db, views, principal, key, fault), created: false };
      const { data } = submission;
      const stepInputs = stepInputsOf(submission);
      const one: Submission = { id: uuidv7(), ownerId, spec: specOf(submission, options), data, stepInputs, key };
      const answer = await inserts.add(one);
      if (answer.kind === 'created') {
        const isWhole = stepInputs === null;
        return { task: isWhole ? freshView(one, answer.createdAt) : await views.get(principal, one.id), created: true };
      }
      return { task: await knownTask(views, principal, answer), created: false };
    },
    get: (principal, taskId) => views.get(principal, taskId),
    list: (principal, query) => listTasks(views, principal, query),
    events: (principal, taskId, after, limit) => views.events(principal, taskId, after, limit),
    position: (principal, taskId) => views.position(principal, taskId),
    receipt: async (principal, taskId): Promise<AwardReceipt> => ({
      taskId,
      rounds: await views.receipts(principal, taskId),
    }),
    async cancel(principal, taskId) {
      await views.position(principal, taskId);
      const record = auditEntry(principal, 'task.cancel', taskId);
      const refusal = await tasks.command({ taskId, command: { kind: 'cancel' }, record }, (work) =>
        db.write(principal, work),
      );
      if (refusal !== undefined) throw new MarketError('CONFLICT', 'The task has ended already.');
      return views.get(principal, taskId);
    },
    feedback: (principal, taskId, feedback) => giveFeedback(db, views, principal, taskId, feedback),
    decide: (principal, taskId, answer) => decideEscalation({ db, tasks, views }, principal, taskId, answer),
    async messages(principal, taskId, query) {
      const after = decodeCursor(query.cursor, UUID_PATTERN);
      const messages = await views.messages(principal, taskId, after, query.limit + 1);
      return pageOf(
        messages,
        query.limit,
        (message) => message,
        (message) => message.id,
      );
    },
  };
}

async function insertAll(
  { db, onSubmitted }: TaskServiceOptions,
  submissions: readonly Submission[],
): Promise<SubmissionAnswer[]> {
  const answers = await insertSubmissions(db, submissions);
  crashPoint('after-submit');
  const created = submissions.filter((_one, index) => answers[index]?.kind === 'created');
  onSubmitted(
    created.map((one) => one.id),
    created.some((one) => one.spec.steps?.some((step) => step.when !== undefined) ?? false),
  );
  return answers;
}

/** A retry may come after its deadline, or after a policy has gone: what it stored once is still the answer. */
async function storedBefore(
  db: OwnedDatabase,
  views: TaskViews,
  principal: Principal,
  key: SubmissionKey | undefined,
  fault: MarketError,
): Promise<TaskView> {
  const known = key === undefined ? undefined : await findKnown(db, principal.ownerId, key);
  if (known === undefined) throw fault;
  return knownTask(views, principal, known);
}

/** @throws MarketError IDEMPOTENCY_KEY_REUSED */
function knownTask(views: TaskViews, principal: Principal, known: KnownSubmission): Promise<TaskView> {
  if (known.sameRequest) return views.get({ ...principal, role: 'submitter' }, known.taskId);
  throw new MarketError(
    'IDEMPOTENCY_KEY_REUSED',
    `The key stands for task ${known.taskId}, which was submitted with another body. Use a new key.`,
  );
}

async function listTasks(
  views: TaskViews,
  principal: Principal,
  query: {
    limit: number;
    cursor?: string | undefined;
    status?: TaskStatus | undefined;
    type?: string | undefined;
    agentId?: string | undefined;
  },
): Promise<Page<TaskListItem>> {
  const items = await views.list(principal, {
    status: query.status,
    type: query.type,
    agentId: query.agentId,
    before: decodeCursor(query.cursor, UUID_PATTERN),
    limit: query.limit + 1,
  });
  return pageOf(
    items,
    query.limit,
    (item) => item,
    (item) => item.id,
  );
}

async function giveFeedback(
  db: OwnedDatabase,
  views: TaskViews,
  principal: Principal,
  taskId: string,
  feedback: Feedback,
): Promise<TaskView> {
  const task = await views.get(principal, taskId);
  const chosen = task.subtasks.filter(
    (subtask) => feedback.subtaskId === undefined || subtask.id === feedback.subtaskId,
  );
  if (feedback.subtaskId !== undefined && chosen.length === 0)
    throw new MarketError('NOT_FOUND', 'There is no such subtask of this task.');
  const rated = chosen.filter((subtask) => subtask.status === 'accepted');
  if (rated.length === 0) throw new MarketError('CONFLICT', 'There is no accepted delivery to rate yet.');
  const given = {
    taskId,
    ownerId: task.ownerId,
    subtaskIds: rated.map((subtask) => subtask.id),
    quality: feedback.quality,
    comment: feedback.comment ?? null,
  };
  const stored = await db.write(principal, (trx) => insertFeedback(trx, given));
  if (stored === 0) {
    const before = rated.some((subtask) => subtask.qualitySource === 'requester');
    throw new MarketError('CONFLICT', before ? 'Feedback was given before.' : 'The 30 days for feedback are over.');
  }
  return views.get(principal, taskId);
}

/** What is wrong with a submission beyond its shape, as the market stands `now`: needed for one with a deadline. */
function faultOf(
  submission: ParsedTaskSubmission,
  now: Date | undefined,
  options: TaskServiceOptions,
): MarketError | undefined {
  const faults: FieldError[] = stepFaultsOf(submission, options.synthesis);
  if (now !== undefined && Date.parse(submission.deadline ?? '') <= now.getTime()) {
    faults.push({
      path: 'deadline',
      message: `must be in the future: it is ${now.toISOString()}, by the database’s clock`,
    });
  }
  const policy = policyOf(submission, options);
  if (!options.policies.has(policy)) {
    faults.push({
      path: 'policy',
      message: `unknown award policy "${policy}"; known: ${[...options.policies].join(', ')}`,
    });
  }
  rulesOf(submission, options).forEach((rule, index) => {
    const fault = options.synthesis.compileError(rule.expression);
    if (fault !== null) faults.push({ path: `rules.${index}.expression`, message: fault });
  });
  if (faults.length === 0) return undefined;
  const detail = faults.map((fault) => `${fault.path}: ${fault.message}`).join('; ');
  return new MarketError('INVALID_REQUEST', detail, { errors: faults });
}

const policyOf = (submission: ParsedTaskSubmission, options: TaskServiceOptions): string =>
  submission.policy ?? options.defaultPolicy;

const rulesOf = (submission: ParsedTaskSubmission, options: TaskServiceOptions): Rule[] =>
  submission.rules ?? options.synthesis.rulesForType(submission.type);

/** The specification of a submission without a fault. */
function specOf(submission: ParsedTaskSubmission, options: TaskServiceOptions): TaskSpec {
  const requiredSkills = requiredSkillsOf(submission);
  const traceparent = presentTraceparent();
  const rules = rulesOf(submission, options);
  const steps = stepsOf(submission);
  // A rule may name a delivery by its step too.
  const names = [...new Set([...requiredSkills, ...(steps ?? []).map((step) => step.id)])];
  return {
    type: submission.type,
    ...(submission.description === undefined ? {} : { description: submission.description }),
    requiredSkills,
    ...(submission.domain === undefined ? {} : { domain: submission.domain }),
    complexity: submission.complexity ?? complexityOf(requiredSkills.length),
    priority: submission.priority,
    ...(submission.deadline === undefined ? {} : { deadline: new Date(submission.deadline).toISOString() }),
    ...(submission.maxTeamSize === undefined ? {} : { maxTeamSize: submission.maxTeamSize }),
    allowPartial: submission.allowPartial,
    maxAttempts: submission.maxAttempts,
    biddingTimeMs: submission.biddingTimeMs,
    timeoutMs: submission.timeoutMs,
    policy: policyOf(submission, options),
    rules,
    ...(submission.budget === undefined ? {} : { budget: submission.budget }),
    ...(traceparent === undefined ? {} : { traceparent }),
    blamableSkills: [
      ...new Set(
        rules
          .filter((rule) => rule.severity === 'reject')
          .flatMap((rule) => rule.blame ?? blamedBy(rule, names, options)),
      ),
    ],
    ...(steps === undefined ? {} : { steps }),
  };
}

/** As cross-validation blames: the deliveries that the expression names, or all where it names none. */
function blamedBy(rule: Rule, names: readonly string[], options: TaskServiceOptions): readonly string[] {
  const inRule = new Set(options.synthesis.deliveriesNamed(rule.expression));
  const named = names.filter((name) => inRule.has(name));
  return named.length > 0 ? named : names;
}

/** The same for the same submission, whatever the order of its members. */
function hashOf(submission: ParsedTaskSubmission): Buffer {
  return createHash('sha256').update(canonicalJson(submission)).digest();
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/** Of a task without steps: it need not be read. */
function freshView(submission: Submission, createdAt: Date): TaskView {
  return {
    id: submission.id,
    ...specView(submission.spec),
    data: submission.data,
    status: 'accepted',
    ownerId: submission.ownerId,
    round: 0,
    team: [],
    subtasks: [],
    progressPercent: 0,
    warnings: [],
    usage: NO_USAGE,
    createdAt: createdAt.toISOString(),
    updatedAt: createdAt.toISOString(),
    finishedAt: null,
  };
}
