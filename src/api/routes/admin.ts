import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { auditEntrySchema, createdKeySchema, keyRequestSchema, keyViewSchema } from '../../contracts/access.ts';
import { TIERS } from '../../contracts/agent.ts';
import {
  leaderboardRowSchema,
  marketSeriesSchema,
  marketStatsSchema,
  moversReportSchema,
  tiersReportSchema,
} from '../../contracts/ledger.ts';
import { ownerDeletionSchema, ownerIdSchema, type OwnerData } from '../../contracts/owner-data.ts';
import { pageQuerySchema, slugSchema } from '../../contracts/primitives.ts';
import type { AuditLog, KeyService, ReputationQueries } from '../../contracts/services.ts';
import { callerOf } from '../authentication.ts';
import { answer, conflict, noContent, pageSchema } from '../openapi.ts';
import { timeWindowSchema } from '../time-window.ts';

const tags = ['admin'];

const leaderboardQuery = pageQuerySchema.extend({ skill: slugSchema.optional(), tier: z.enum(TIERS).optional() });
const moversQuery = z.strictObject({ window: timeWindowSchema.prefault('7d') });
const statsQuery = z.strictObject({ window: timeWindowSchema.prefault('1h') });
const seriesQuery = statsQuery.extend({ buckets: z.coerce.number().int().min(1).max(500).default(60) });

export async function adminRoutes(
  app: FastifyInstance,
  services: { reputation: ReputationQueries; audit: AuditLog; keys: KeyService; ownerData: OwnerData },
): Promise<void> {
  standing(app, services.reputation);
  figures(app, services.reputation);
  audit(app, services.audit);
  keys(app, services.keys);
  owners(app, services.ownerData);
}

function standing(server: FastifyInstance, reputation: ReputationQueries): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/reputation/leaderboard',
    {
      schema: {
        tags,
        summary: 'Agents by reputation',
        querystring: leaderboardQuery,
        response: { 200: answer('A page, best first', pageSchema(leaderboardRowSchema)) },
      },
    },
    (request) => reputation.leaderboard(request.query),
  );
  app.get(
    '/reputation/tiers',
    {
      schema: {
        tags,
        summary: 'Agents in each tier',
        response: { 200: answer('Counts, spread, concentration', tiersReportSchema) },
      },
    },
    () => reputation.tiers(),
  );
  app.get(
    '/reputation/movers',
    {
      schema: {
        tags,
        summary: 'Largest rises and falls',
        querystring: moversQuery,
        response: { 200: answer('Over the window, default 7d', moversReportSchema) },
      },
    },
    (request) => reputation.movers(request.query.window),
  );
}

function figures(server: FastifyInstance, reputation: ReputationQueries): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/stats',
    {
      schema: {
        tags,
        summary: 'The market in figures',
        querystring: statsQuery,
        response: { 200: answer('Over the window, default 1h', marketStatsSchema) },
      },
    },
    (request) => reputation.stats(request.query.window),
  );
  app.get(
    '/stats/series',
    {
      schema: {
        tags,
        summary: 'Throughput and durations over time',
        querystring: seriesQuery,
        response: { 200: answer('By buckets of equal length, oldest first', marketSeriesSchema) },
      },
    },
    (request) => reputation.series(request.query.window, request.query.buckets),
  );
}

function audit(server: FastifyInstance, log: AuditLog): void {
  server.withTypeProvider<ZodTypeProvider>().get(
    '/audit',
    {
      schema: {
        tags,
        summary: 'Who did what, when',
        querystring: pageQuerySchema,
        response: { 200: answer('A page, newest first', pageSchema(auditEntrySchema)) },
      },
    },
    (request) => log.list(request.query),
  );
}

function keys(server: FastifyInstance, service: KeyService): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.post(
    '/keys',
    {
      schema: {
        tags,
        summary: 'Create a key',
        body: keyRequestSchema,
        response: {
          201: answer('The key itself is shown this once', createdKeySchema),
          ...conflict('no key exists yet, and this one is not an admin’s'),
        },
      },
    },
    async (request, reply) => reply.code(201).send(await service.create(callerOf(request), request.body)),
  );
  app.get(
    '/keys',
    {
      schema: {
        tags,
        summary: 'All keys',
        querystring: pageQuerySchema,
        response: { 200: answer('A page, newest first, revoked ones too', pageSchema(keyViewSchema)) },
      },
    },
    (request) => service.list(request.query),
  );
  app.delete(
    '/keys/:id',
    {
      schema: {
        tags,
        summary: 'Revoke a key',
        description: 'Holds at once in this process, within 5 s in every other, for requests and for open connections.',
        params: z.strictObject({ id: z.string().max(64) }),
        response: { 204: noContent('Revoked') },
      },
    },
    async (request, reply) => {
      await service.revoke(callerOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );
}

const ofOwner = z.strictObject({ ownerId: ownerIdSchema });

function owners(server: FastifyInstance, ownerData: OwnerData): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/owners/:ownerId/export',
    {
      schema: {
        tags,
        summary: 'Everything that is stored for an owner',
        description:
          'Lines of JSON: `{kind, …}` with kind `key`, `task`, `subtask`, `round`, `attempt`, `event`, `agent_message`, ' +
          '`handoff`, `feedback`, `agent_memory` or `ledger`; the last is of kind `end`. An answer without it was broken off.',
        params: ofOwner,
        response: {
          200: { description: 'As a stream', content: { 'application/x-ndjson': { schema: z.string() } } },
        },
      },
    },
    async (request, reply) => {
      const chunks = await ownerData.export(callerOf(request), request.params.ownerId);
      // a stream of chunks is no string to the types, and one to the client
      return reply.type('application/x-ndjson').send(Readable.from(chunks) as never);
    },
  );
  app.delete(
    '/owners/:ownerId/data',
    {
      schema: {
        tags,
        summary: 'Delete what is stored for an owner',
        description:
          'Revokes its keys, cancels its open tasks, deletes all its tasks with what hangs on them, and what agents remember of ' +
          'them. Ledger entries stay, without the owner. Answered when all is done; if it breaks off, send it again.',
        params: ofOwner,
        response: { 200: answer('What was done', ownerDeletionSchema) },
      },
    },
    (request) => ownerData.delete(callerOf(request), request.params.ownerId),
  );
}
