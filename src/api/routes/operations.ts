import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { MarketError } from '../../contracts/errors.ts';
import type { Readiness } from '../../contracts/services.ts';
import type { Logger } from '../../observability/logger.ts';
import type { Metrics } from '../../observability/metrics.ts';
import { answer, notReady } from '../openapi.ts';
import { HTTP_STATUS, problemOf } from '../error-handler.ts';
import { PROBLEM_MEDIA_TYPE } from '../problem.ts';
import { API_HEADERS } from '../security-headers.ts';

const tags = ['operations'];
const open = { tags, security: [] };

const readySchema = z.object({ status: z.literal('ready'), checks: z.record(z.string(), z.enum(['ok', 'failing'])) });

interface OperationsDeps {
  services: { readiness: Readiness };
  metrics: Metrics;
  logger: Logger;
  version: string;
}

export async function operationsRoutes(app: FastifyInstance, deps: OperationsDeps): Promise<void> {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(API_HEADERS);
    done();
  });
  health(app, deps);
  metricsRoute(app, deps.metrics);
  app.get('/openapi.json', { schema: { ...open, hide: true } }, () => app.swagger());
}

function health(app: FastifyInstance, deps: OperationsDeps): void {
  const check = sharedWhileUnderWay(() => deps.services.readiness.check());
  app.get(
    '/healthz',
    {
      schema: {
        ...open,
        summary: 'The process lives',
        response: { 200: answer('It does', z.object({ status: z.literal('ok'), version: z.string() })) },
      },
    },
    () => ({ status: 'ok', version: deps.version }),
  );
  app.get(
    '/readyz',
    {
      schema: {
        ...open,
        summary: 'Its stores answer',
        response: { 200: answer('All of them', readySchema), ...notReady },
      },
    },
    async (_request, reply) => {
      const found = await check();
      const failing = Object.keys(found).filter((part) => found[part] !== null);
      const checks = Object.fromEntries(
        Object.entries(found).map(([part, fault]) => [part, fault === null ? 'ok' : 'failing']),
      );
      if (failing.length === 0) return { status: 'ready', checks };
      deps.logger.warn({ found }, 'not ready');
      return sendNotReady(reply, failing, checks);
    },
  );
}

/** Whoever asks meanwhile gets the same answer: nobody without a key shall make the stores work as often as it likes. */
function sharedWhileUnderWay<Value>(ask: () => Promise<Value>): () => Promise<Value> {
  let underWay: Promise<Value> | null = null;
  return () =>
    (underWay ??= ask().finally(() => {
      underWay = null;
    }));
}

/** The names of what fails are shown; why it fails is in the log. */
function sendNotReady(reply: FastifyReply, failing: string[], checks: Record<string, string>): FastifyReply {
  const error = new MarketError('UNAVAILABLE', `Not ready: ${failing.join(' and ')} does not answer.`);
  const body = JSON.stringify({ ...problemOf(error), checks });
  return reply.code(HTTP_STATUS.UNAVAILABLE).header('retry-after', 1).type(PROBLEM_MEDIA_TYPE).send(body);
}

function metricsRoute(app: FastifyInstance, metrics: Metrics): void {
  app.get('/metrics', { schema: { ...open, summary: 'Figures for Prometheus' } }, async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}
