import { createHash } from 'node:crypto';
import type { AwardReceipt } from '../contracts/award.ts';
import type { Feedback, Principal } from '../contracts/access.ts';
import { MarketError, type FieldError } from '../contracts/errors.ts';
import type { Page } from '../contracts/primitives.ts';
import type { AuditLog, TaskService } from '../contracts/services.ts';
import type { ParsedTaskSubmission, Rule, TaskStatus, TaskView } from '../contracts/task.ts';
import { NO_USAGE } from '../contracts/task.ts';
import { Batcher } from '../util/batcher.ts';
import { uuidv7 } from '../util/uuid.ts';
import type { TaskSpec } from '../contracts/task.ts';
import { complexityOf } from './core/team-formation.ts';
import { insertFeedback } from './feedback-store.ts';
import type { Synthesis } from './ports.ts';
import { insertSubmissions, type Submission, type SubmissionAnswer } from './submission-store.ts';
import type { TaskStore } from './task-store.ts';
import { specView, TaskViews } from './task-view-store.ts';

export interface TaskServiceOptions {
  tasks: TaskStore;
  synthesis: Pick<Synthesis, 'rulesForType' | 'compileError' | 'skillsNamed'>;
  policies: ReadonlySet<string>;
  defaultPolicy: string;
  audit: AuditLog;
  onSubmitted: (taskIds: readonly string[]) => void;
}

export function createTaskService(options: TaskServiceOptions): TaskService {
  const { tasks } = options;
  const views = new TaskViews(tasks.db);
  const inserts = new Batcher<Submission, SubmissionAnswer>(
    async (submissions) => {
      const answers = await insertSubmissions(tasks.db, submissions);
      const created = submissions.filter((_one, index) => answers[index]?.kind === 'created');
      options.onSubmitted(created.map((one) => one.id));
      return answers;
    },
    { maxItems: 100, maxActive: 2 },
  );

  return {
    async submit(principal, submission, idempotencyKey) {
      const spec = specOf(submission, options);
      const one: Submission = {
        id: uuidv7(),
        ownerId: principal.ownerId,
        spec,
        data: submission.data,
        key: idempotencyKey === undefined ? undefined : { text: idempotencyKey, requestHash: hashOf(submission) },
      };
      const answer = await inserts.add(one);
      if (answer.kind === 'created') return { task: freshView(one, answer.createdAt), created: true };
      if (!answer.sameRequest) {
        throw new MarketError(
          'IDEMPOTENCY_KEY_REUSED',
          `The key stands for task ${answer.taskId}, which was submitted with another body. Use a new key.`,
        );
      }
      return { task: await views.get({ ...principal, role: 'submitter' }, answer.taskId), created: false };
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
      const refusal = await tasks.command(taskId, { kind: 'cancel' });
      if (refusal !== undefined) throw new MarketError('CONFLICT', 'The task has ended already.');
      await options.audit.record(principal, 'task.cancel', taskId);
      return views.get(principal, taskId);
    },
    feedback: (principal, taskId, feedback) => giveFeedback(tasks, views, principal, taskId, feedback),
  };
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
): Promise<Page<Omit<TaskView, 'data'>>> {
  const before = query.cursor === undefined ? undefined : readCursor(query.cursor);
  const items = await views.list({
    ownerId: principal.role === 'admin' ? undefined : principal.ownerId,
    status: query.status,
    type: query.type,
    agentId: query.agentId,
    before,
    limit: query.limit + 1,
  });
  const page = items.slice(0, query.limit);
  const last = page.at(-1);
  return {
    items: page,
    nextCursor: items.length > query.limit && last !== undefined ? Buffer.from(last.id).toString('base64url') : null,
  };
}

function readCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  if (/^[0-9a-f-]{36}$/.test(id)) return id;
  throw new MarketError('INVALID_REQUEST', 'The cursor is not one of ours.', {
    errors: [{ path: 'cursor', message: 'must be a nextCursor of this list' }],
  });
}

async function giveFeedback(
  tasks: TaskStore,
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
  const stored = await insertFeedback(tasks.db, {
    taskId,
    ownerId: task.ownerId,
    subtaskIds: rated.map((subtask) => subtask.id),
    quality: feedback.quality,
    comment: feedback.comment ?? null,
  });
  if (stored === 0) throw new MarketError('CONFLICT', 'Feedback was given before, or the 30 days for it are over.');
  return views.get(principal, taskId);
}

function specOf(submission: ParsedTaskSubmission, options: TaskServiceOptions): TaskSpec {
  if (submission.steps !== undefined) {
    throw new MarketError(
      'NOT_SUPPORTED',
      'Tasks with steps of their own are not supported yet; submit one task for each step.',
      {
        errors: [{ path: 'steps', message: 'not supported yet' }],
      },
    );
  }
  const faults: FieldError[] = [];
  if (submission.deadline !== undefined && Date.parse(submission.deadline) <= Date.now()) {
    faults.push({ path: 'deadline', message: `must be in the future; it is ${submission.deadline}` });
  }
  const policy = submission.policy ?? options.defaultPolicy;
  if (!options.policies.has(policy)) {
    faults.push({
      path: 'policy',
      message: `unknown award policy "${policy}"; known: ${[...options.policies].join(', ')}`,
    });
  }
  const rules = submission.rules ?? options.synthesis.rulesForType(submission.type);
  rules.forEach((rule, index) => {
    const fault = options.synthesis.compileError(rule.expression);
    if (fault !== null) faults.push({ path: `rules.${index}.expression`, message: fault });
  });
  if (faults.length > 0)
    throw new MarketError('INVALID_REQUEST', faults.map((fault) => `${fault.path}: ${fault.message}`).join('; '), {
      errors: faults,
    });
  return storedSpec(submission, policy, rules, options);
}

function storedSpec(
  submission: ParsedTaskSubmission,
  policy: string,
  rules: Rule[],
  options: TaskServiceOptions,
): TaskSpec {
  const { requiredSkills } = submission;
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
    policy,
    rules,
    ...(submission.budget === undefined ? {} : { budget: submission.budget }),
    blamableSkills: [
      ...new Set(
        rules
          .filter((rule) => rule.severity === 'reject')
          .flatMap((rule) => rule.blame ?? blamedBy(rule, requiredSkills, options)),
      ),
    ],
  };
}

/** As cross-validation blames: the skills that the expression names, or all where it names none. */
function blamedBy(rule: Rule, skills: readonly string[], options: TaskServiceOptions): readonly string[] {
  const named = options.synthesis.skillsNamed(rule.expression, skills);
  return named.length > 0 ? named : skills;
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
