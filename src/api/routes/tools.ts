import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { pageQuerySchema } from '../../contracts/primitives.ts';
import type { ToolCatalogue } from '../../contracts/services.ts';
import { publishedToolSchema, toolBodySchema, toolNameSchema } from '../../contracts/tool.ts';
import { callerOf } from '../authentication.ts';
import { answer, noContent, pageSchema } from '../openapi.ts';

const params = z.strictObject({ id: toolNameSchema });
const tags = ['tools'];

export async function toolRoutes(server: FastifyInstance, tools: ToolCatalogue): Promise<void> {
  reading(server, tools);
  changing(server, tools);
}

function reading(server: FastifyInstance, tools: ToolCatalogue): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/tools',
    {
      schema: {
        tags,
        summary: 'Tools as data that agents may use, each in its newest version',
        querystring: pageQuerySchema,
        response: { 200: answer('A page of tools', pageSchema(publishedToolSchema)) },
      },
    },
    (request) => tools.list(request.query),
  );
  app.get(
    '/tools/:id/versions',
    {
      schema: {
        tags,
        summary: 'All versions of a tool, newest first',
        params,
        response: { 200: answer('The newest 200, also of a withdrawn tool', pageSchema(publishedToolSchema)) },
      },
    },
    (request) => tools.versions(request.params.id),
  );
}

function changing(server: FastifyInstance, tools: ToolCatalogue): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.put(
    '/tools/:id',
    {
      schema: {
        tags,
        summary: 'Try a tool and publish it as a new version',
        description: 'Role admin. Its call is made with `trial.arguments`; if that fails, nothing is published (400).',
        params,
        body: toolBodySchema,
        response: { 200: answer('The tool as published', publishedToolSchema) },
      },
    },
    (request) => tools.put(callerOf(request), request.params.id, request.body),
  );
  app.delete(
    '/tools/:id',
    {
      schema: {
        tags,
        summary: 'Withdraw a tool',
        description: 'Role admin. It is offered no more; its versions stay.',
        params,
        response: { 204: noContent('Withdrawn') },
      },
    },
    async (request, reply) => {
      await tools.withdraw(callerOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );
}
