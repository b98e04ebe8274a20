import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { handoffEntrySchema, handoffReportSchema, memoryViewSchema } from '../../contracts/handoff.ts';
import { pageQuerySchema, slugSchema, taskIdSchema } from '../../contracts/primitives.ts';
import type { AgentRecords, TaskService } from '../../contracts/services.ts';
import { callerOf } from '../authentication.ts';
import { answer, noContent, pageSchema } from '../openapi.ts';
import { timeWindowSchema } from '../time-window.ts';

const agentParams = z.strictObject({ id: slugSchema });
const memoryParams = agentParams.extend({ memoryId: z.uuid() });
const windowQuery = z.strictObject({ window: timeWindowSchema.default(7 * 86_400_000) });

/** What agents that think leave behind: handoffs and memories. */
export async function agentRecordRoutes(
  server: FastifyInstance,
  { records, tasks }: { records: AgentRecords; tasks: Pick<TaskService, 'position'> },
): Promise<void> {
  handoffs(server, records, tasks);
  memories(server, records);
}

function handoffs(server: FastifyInstance, records: AgentRecords, tasks: Pick<TaskService, 'position'>): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/tasks/:id/handoffs',
    {
      schema: {
        tags: ['tasks'],
        summary: 'Conversations that its agents handed on, or were kept from handing on',
        params: z.strictObject({ id: taskIdSchema.toLowerCase() }),
        querystring: pageQuerySchema,
        response: { 200: answer('A page, in their order', pageSchema(handoffEntrySchema)) },
      },
    },
    async (request) => {
      await tasks.position(callerOf(request), request.params.id);
      return records.handoffs(callerOf(request), request.params.id, request.query);
    },
  );
  app.get(
    '/admin/handoffs',
    {
      schema: {
        tags: ['admin'],
        summary: 'Which handoffs are made, which loop, which are never used',
        querystring: windowQuery,
        response: { 200: answer('Over the window, default 7d; the 500 most used routes', handoffReportSchema) },
      },
    },
    (request) => records.handoffReport(request.query.window),
  );
}

function memories(server: FastifyInstance, records: AgentRecords): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const tags = ['agents'];
  app.get(
    '/agents/:id/memories',
    {
      schema: {
        tags,
        summary: 'What the agent remembers of the caller’s tasks; an admin sees those of all owners',
        params: agentParams,
        querystring: pageQuerySchema,
        response: { 200: answer('A page, newest first', pageSchema(memoryViewSchema)) },
      },
    },
    (request) => records.memories(callerOf(request), request.params.id, request.query),
  );
  app.delete(
    '/agents/:id/memories',
    {
      schema: {
        tags,
        summary: 'Delete all that the agent remembers of the caller’s tasks; an admin, of everybody’s',
        params: agentParams,
        response: { 204: noContent('Deleted for good') },
      },
    },
    async (request, reply) => {
      await records.forget(callerOf(request), request.params.id, undefined);
      return reply.code(204).send(null);
    },
  );
  app.delete(
    '/agents/:id/memories/:memoryId',
    {
      schema: {
        tags,
        summary: 'Delete one memory',
        params: memoryParams,
        response: { 204: noContent('Deleted for good') },
      },
    },
    async (request, reply) => {
      await records.forget(callerOf(request), request.params.id, request.params.memoryId);
      return reply.code(204).send(null);
    },
  );
}
