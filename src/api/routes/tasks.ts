import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { feedbackSchema } from '../../contracts/access.ts';
import { awardReceiptSchema } from '../../contracts/award.ts';
import { MAX_SEQ, taskEventSchema } from '../../contracts/events.ts';
import { messageViewSchema } from '../../contracts/message.ts';
import { pageQuerySchema, slugSchema, taskIdSchema } from '../../contracts/primitives.ts';
import type { TaskService } from '../../contracts/services.ts';
import { decisionSchema } from '../../contracts/step.ts';
import { TASK_STATUSES, taskListItemSchema, taskSubmissionSchema, taskViewSchema } from '../../contracts/task.ts';
import { callerOf } from '../authentication.ts';
import { answer, conflict, idempotencyKeyReused, pageSchema } from '../openapi.ts';

const params = z.strictObject({ id: taskIdSchema.toLowerCase() });
const tags = ['tasks'];

const submitHeaders = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[\x20-\x7e]{1,255}$/, 'must have 1–255 printable ASCII characters')
    .optional()
    .describe('the same key and body return the same task'),
});

const listQuery = pageQuerySchema.extend({
  status: z.enum(TASK_STATUSES).optional(),
  type: slugSchema.optional(),
  agentId: slugSchema.optional().describe('tasks of which a part is this agent’s now, or was at its end'),
});

const seqSchema = z.coerce.number().int().min(0).max(MAX_SEQ);

const eventsQuery = pageQuerySchema.extend({
  after: seqSchema.default(0).describe('events with a seq over this'),
  cursor: seqSchema.optional().describe('the nextCursor of an earlier answer'),
});

const noBody = z.strictObject({}).nullish();

/** Takes the place of one more task; the answer gives it back. @throws MarketError OVERLOADED, RATE_LIMITED */
export interface TaskGate {
  reserve(ownerId: string): () => void;
}

const OPEN_GATE: TaskGate = { reserve: () => () => undefined };

export async function taskRoutes(app: FastifyInstance, tasks: TaskService, gate = OPEN_GATE): Promise<void> {
  submission(app, tasks, gate);
  reading(app, tasks);
  messages(app, tasks);
  changing(app, tasks);
}

function submission(app: FastifyInstance, tasks: TaskService, gate: TaskGate): void {
  app.withTypeProvider<ZodTypeProvider>().post(
    '/tasks',
    {
      schema: {
        tags,
        summary: 'Submit a task',
        description:
          'Stored when answered; `Location` names it. `OVERLOADED` while the market has too much to do. ' +
          '`steps` with a cycle or an unknown id are refused, naming it.',
        headers: submitHeaders,
        body: taskSubmissionSchema,
        response: {
          202: answer('Accepted, now or by an earlier request with the same key', taskViewSchema),
          ...idempotencyKeyReused,
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const giveBack = gate.reserve(caller.ownerId);
      let isNew = false;
      try {
        const { task, created } = await tasks.submit(caller, request.body, request.headers['idempotency-key']);
        isNew = created;
        return await reply.code(202).header('location', `/v1/tasks/${task.id}`).send(task);
      } finally {
        if (!isNew) giveBack();
      }
    },
  );
}

function reading(server: FastifyInstance, tasks: TaskService): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/tasks',
    {
      schema: {
        tags,
        summary: 'Own tasks, newest first (admin: all)',
        querystring: listQuery,
        response: { 200: answer('A page, without data and deliveries', pageSchema(taskListItemSchema)) },
      },
    },
    (request) => tasks.list(callerOf(request), request.query),
  );
  app.get(
    '/tasks/:id',
    {
      schema: { tags, summary: 'One task', params, response: { 200: answer('The task as it stands', taskViewSchema) } },
    },
    (request) => tasks.get(callerOf(request), request.params.id),
  );
  app.get(
    '/tasks/:id/award',
    {
      schema: {
        tags,
        summary: 'Why this agent: the award receipts',
        params,
        response: { 200: answer('Everything that each choice was made from, by round', awardReceiptSchema) },
      },
    },
    (request) => tasks.receipt(callerOf(request), request.params.id),
  );
  app.get(
    '/tasks/:id/events',
    {
      schema: {
        tags,
        summary: 'Its events in seq order',
        params,
        querystring: eventsQuery,
        response: {
          200: answer('Events; go on with the last seq as `after`, or with `nextCursor`', pageSchema(taskEventSchema)),
        },
      },
    },
    async (request) => {
      const { after, cursor, limit } = request.query;
      const from = cursor ?? after;
      const events = await tasks.events(callerOf(request), request.params.id, from, limit + 1);
      const items = events.slice(0, limit);
      return { items, nextCursor: events.length > limit ? String(items.at(-1)?.seq ?? from) : null };
    },
  );
}

function messages(server: FastifyInstance, tasks: TaskService): void {
  server.withTypeProvider<ZodTypeProvider>().get(
    '/tasks/:id/messages',
    {
      schema: {
        tags,
        summary: 'What its agents said to each other, oldest first',
        description: 'At most 100 messages of each subtask are kept.',
        params,
        querystring: pageQuerySchema,
        response: { 200: answer('A page', pageSchema(messageViewSchema)) },
      },
    },
    (request) => tasks.messages(callerOf(request), request.params.id, request.query),
  );
}

function changing(server: FastifyInstance, tasks: TaskService): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.post(
    '/tasks/:id/cancel',
    {
      schema: {
        tags,
        summary: 'Cancel the task and its jobs',
        params,
        body: noBody,
        response: { 202: answer('The cancelled task', taskViewSchema), ...conflict('the task has ended already') },
      },
    },
    async (request, reply) => reply.code(202).send(await tasks.cancel(callerOf(request), request.params.id)),
  );
  app.post(
    '/tasks/:id/feedback',
    {
      schema: {
        tags,
        summary: 'Rate a delivery',
        description: 'Once per subtask, within 30 days. It changes the quality shown, never an entry of the ledger.',
        params,
        body: feedbackSchema,
        response: {
          200: answer('The task with the quality given', taskViewSchema),
          ...conflict('rated before, too late, or nothing to rate'),
        },
      },
    },
    (request) => tasks.feedback(callerOf(request), request.params.id, request.body),
  );
  app.post(
    '/tasks/:id/decision',
    {
      schema: {
        tags,
        summary: 'Answer an escalation',
        description:
          'Of the open escalation: `approve` what was delivered, `reject` it, or `choose` one of its `choices`. ' +
          'The same answer once more changes nothing.',
        params,
        body: decisionSchema,
        response: {
          200: answer('The task, going on or ended', taskViewSchema),
          ...conflict('nothing waits for a decision, or several do and none was named'),
        },
      },
    },
    (request) => tasks.decide(callerOf(request), request.params.id, request.body),
  );
}
