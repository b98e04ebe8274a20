import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { pageQuerySchema, slugSchema } from '../../contracts/primitives.ts';
import type { SkillCatalogue } from '../../contracts/services.ts';
import { skillBodySchema, skillSchema } from '../../contracts/skill.ts';
import { callerOf } from '../authentication.ts';
import { answer, pageSchema } from '../openapi.ts';

const params = z.strictObject({ id: slugSchema });
const tags = ['skills'];

export async function skillRoutes(server: FastifyInstance, skills: SkillCatalogue): Promise<void> {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/skills',
    {
      schema: {
        tags,
        summary: 'The market’s skills',
        querystring: pageQuerySchema,
        response: { 200: answer('A page of skills', pageSchema(skillSchema)) },
      },
    },
    (request) => skills.list(request.query),
  );
  app.put(
    '/skills/:id',
    {
      schema: {
        tags,
        summary: 'Create or replace a skill',
        description: 'Role admin. Counts for deliveries judged from now on.',
        params,
        body: skillBodySchema,
        response: { 200: answer('The skill as recorded', skillSchema) },
      },
    },
    (request) => skills.put(callerOf(request), request.params.id, request.body),
  );
}
