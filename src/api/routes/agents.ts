import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { agentChangeSchema, agentRegistrationSchema, agentViewSchema } from '../../contracts/agent.ts';
import { agentReputationSchema } from '../../contracts/ledger.ts';
import { instantSchema, pageQuerySchema, slugSchema } from '../../contracts/primitives.ts';
import type { AgentDirectory, ReputationQueries } from '../../contracts/services.ts';
import { callerOf } from '../authentication.ts';
import { answer, conflict, noContent, pageSchema } from '../openapi.ts';

const params = z.strictObject({ id: slugSchema });
const tags = ['agents'];

const rangeQuery = z
  .strictObject({ from: instantSchema.optional(), to: instantSchema.optional() })
  .refine(({ from, to }) => from === undefined || to === undefined || Date.parse(from) <= Date.parse(to), {
    path: ['to'],
    message: 'must not be before from',
  });

export async function agentRoutes(
  app: FastifyInstance,
  services: { agents: AgentDirectory; reputation: ReputationQueries },
): Promise<void> {
  reading(app, services.agents);
  history(app, services.reputation);
  changing(app, services.agents);
}

function reading(server: FastifyInstance, agents: AgentDirectory): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/agents',
    {
      schema: {
        tags,
        summary: 'All agents',
        querystring: pageQuerySchema,
        response: { 200: answer('A page of agents', pageSchema(agentViewSchema)) },
      },
    },
    (request) => agents.list(request.query),
  );
  app.get(
    '/agents/:id',
    {
      schema: {
        tags,
        summary: 'One agent',
        params,
        response: { 200: answer('Card, tier, load, health, replicas', agentViewSchema) },
      },
    },
    (request) => agents.get(request.params.id),
  );
}

function history(server: FastifyInstance, reputation: ReputationQueries): void {
  server.withTypeProvider<ZodTypeProvider>().get(
    '/agents/:id/reputation',
    {
      schema: {
        tags,
        summary: 'Its reputation, entry by entry',
        description:
          'The newest 200 entries between `from` and `to`. A submitter sees the task ids of its own tasks only.',
        params,
        querystring: rangeQuery,
        response: { 200: answer('Newest first, with figures by skill', agentReputationSchema) },
      },
    },
    (request) => {
      const { from, to } = request.query;
      const range = { from: instant(from), to: instant(to) };
      return reputation.ofAgent(callerOf(request), request.params.id, range);
    },
  );
}

function instant(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

function changing(server: FastifyInstance, agents: AgentDirectory): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.post(
    '/agents',
    {
      schema: {
        tags,
        summary: 'Register an agent',
        description: 'Role admin.',
        body: agentRegistrationSchema,
        response: { 201: answer('Registered; `Location` names it', agentViewSchema), ...conflict('the id is taken') },
      },
    },
    async (request, reply) => {
      const agent = await agents.register(callerOf(request), request.body);
      return reply.code(201).header('location', `/v1/agents/${agent.id}`).send(agent);
    },
  );
  app.patch(
    '/agents/:id',
    {
      schema: {
        tags,
        summary: 'Change an agent, or its status',
        description: 'Role admin.',
        params,
        body: agentChangeSchema,
        response: { 200: answer('The agent as changed', agentViewSchema) },
      },
    },
    (request) => agents.change(callerOf(request), request.params.id, request.body),
  );
  app.delete(
    '/agents/:id',
    {
      schema: {
        tags,
        summary: 'Retire an agent',
        description: 'Role admin. It gets no more work; its history stays.',
        params,
        response: { 204: noContent('Retired') },
      },
    },
    async (request, reply) => {
      await agents.retire(callerOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );
}
