import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import underPressure from '@fastify/under-pressure';
import {
  fastify,
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { MarketError } from '../contracts/errors.ts';
import type { OwnerData } from '../contracts/owner-data.ts';
import type {
  AgentDirectory,
  AgentRecords,
  AuditLog,
  KeyService,
  Readiness,
  ReputationQueries,
  SkillCatalogue,
  TaskService,
  ToolCatalogue,
} from '../contracts/services.ts';
import type { Logger } from '../observability/logger.ts';
import { startSpan, type TraceSpan } from '../observability/tracing.ts';
import type { Metrics } from '../observability/metrics.ts';
import { authenticateRequests, demandPermissions } from './authentication.ts';
import { dashboardRoutes } from './dashboard.ts';
import { answerBrokenHttp, answerError, handleErrors } from './error-handler.ts';
import { guideRoutes } from './guide.ts';
import { acceptJsonOnly } from './json-body.ts';
import { documentRefusals, openApiOptions } from './openapi.ts';
import type { OpenQueues } from './queue-board.ts';
import { validateRequestPart } from './request-validation.ts';
import { adminRoutes } from './routes/admin.ts';
import { agentRecordRoutes } from './routes/agent-records.ts';
import { agentRoutes } from './routes/agents.ts';
import { operationsRoutes } from './routes/operations.ts';
import { skillRoutes } from './routes/skills.ts';
import { taskRoutes, type TaskGate } from './routes/tasks.ts';
import { toolRoutes } from './routes/tools.ts';
import { storeOver } from './rate-limit-store.ts';
import { RequestCounts, type CountStore } from './request-counts.ts';
import { prepareStopping } from './stopping.ts';
import { API_HEADERS, DOCS_HEADERS, TLS_HEADERS } from './security-headers.ts';

export interface ApiServices {
  tasks: TaskService;
  skills: SkillCatalogue;
  agents: AgentDirectory;
  reputation: ReputationQueries;
  keys: KeyService;
  audit: AuditLog;
  ownerData: OwnerData;
  tools: ToolCatalogue;
  records: AgentRecords;
  readiness: Readiness;
}

export interface ApiLimits {
  /** Of one key, or of one address where no key is needed. */
  requestsPerMinute: number;
  /** Requests without a valid key, of one address. */
  failedAuthenticationsPerMinute: number;
  /** Mean delay of the event loop over a second above which requests are shed with OVERLOADED. */
  eventLoopDelayMs: number;
  /** To send the head of a request; the whole of it has three times as long. A connection that sends nothing has as long. */
  headTimeoutMs: number;
}

/** 5,000 requests a second, kept up for a minute: more than the market can take on the machines it was measured on. */
const DEFAULT_LIMITS: ApiLimits = {
  requestsPerMinute: 300_000,
  failedAuthenticationsPerMinute: 600,
  eventLoopDelayMs: 1_000,
  headTimeoutMs: 10_000,
};

export interface ApiServerDeps {
  services: ApiServices;
  logger: Logger;
  metrics: Metrics;
  version: string;
  /** Certificate chain and key, PEM; without them the server speaks plain HTTP. */
  tls?: { cert: string; key: string } | undefined;
  limits?: Partial<ApiLimits> | undefined;
  /** Whether there is room for another task; without it there always is. */
  gate?: TaskGate | undefined;
  /** For the board of queues; without it there is none. */
  openQueues?: OpenQueues | undefined;
  /** Where the API processes count together; without it each counts alone. */
  counts?: CountStore | undefined;
  /** Origins whose pages may call the API; none unless given. */
  corsOrigins?: string[] | undefined;
  /** Addresses and networks of proxies whose `X-Forwarded-For` is believed; none unless given. */
  trustedProxies?: string[] | undefined;
}

const BODY_LIMIT_BYTES = 1_048_576;
const MINUTE_MS = 60_000;
/** Of a connection on which nothing moves: a reader that takes no answer. Longer than what a live-feed client may wait for a poll. */
const SILENCE_MS = 120_000;

/** The HTTP server with every route, built and ready for `listen` or `inject`. Closing it ends idle connections. */
export async function createApiServer(deps: ApiServerDeps): Promise<FastifyInstance> {
  const app = newServer(deps);
  app.decorateRequest('principal', null);
  demandPermissions(app);
  await app.register(cors, { origin: deps.corsOrigins ?? false });
  await app.register(swagger, openApiOptions(deps.version));
  await app.register((scope) => market(scope, deps), { prefix: '/v1' });
  await app.register(documentation);
  await app.register(guideRoutes);
  await app.register(dashboardRoutes);
  const { openQueues, services } = deps;
  if (openQueues !== undefined) {
    const { failedAuthenticationsPerMinute: failedPerMinute } = { ...DEFAULT_LIMITS, ...deps.limits };
    const { queueBoardRoutes } = await import('./queue-board.ts');
    await app.register((scope) => queueBoardRoutes(scope, { keys: services.keys, failedPerMinute, openQueues }));
  }
  await app.register((scope) => operationsRoutes(scope, deps));
  await app.ready();
  return app;
}

/** The server of a process without the role `api`: health and metrics only. */
export async function createOperationsServer(
  deps: Pick<ApiServerDeps, 'logger' | 'metrics' | 'version' | 'tls'> & { services: Pick<ApiServices, 'readiness'> },
): Promise<FastifyInstance> {
  const app = newServer(deps);
  demandPermissions(app);
  await app.register(swagger, openApiOptions(deps.version));
  await app.register((scope) => operationsRoutes(scope, deps));
  await app.ready();
  return app;
}

function newServer(
  deps: Pick<ApiServerDeps, 'logger' | 'metrics' | 'limits' | 'trustedProxies' | 'tls'>,
): FastifyInstance {
  const { logger, metrics, trustedProxies = [], tls } = deps;
  const { headTimeoutMs } = { ...DEFAULT_LIMITS, ...deps.limits };
  const loggerInstance: FastifyBaseLogger = logger.child({ component: 'api' });
  const http = { headersTimeout: headTimeoutMs, connectionsCheckingInterval: Math.min(1_000, headTimeoutMs) };
  const options = {
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    connectionTimeout: SILENCE_MS,
    requestTimeout: 3 * headTimeoutMs,
    trustProxy: trustedProxies.length > 0 && trustedProxies,
    return503OnClosing: false,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      void answerError(error, request, reply),
    clientErrorHandler: answerBrokenHttp,
  };
  const app: FastifyInstance =
    tls === undefined
      ? fastify({ ...options, http })
      : fastify({ ...options, https: { ...http, ...tls, handshakeTimeout: headTimeoutMs } });
  if (tls !== undefined) demandTlsFromNowOn(app);
  app.setValidatorCompiler(validateRequestPart);
  // the compiler holds what a route returns to the schema of its answer, so nothing is parsed on its way out
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  acceptJsonOnly(app);
  handleErrors(app);
  prepareStopping(app);
  traceRequests(app);
  measureRequests(app, metrics);
  return app;
}

async function market(app: FastifyInstance, deps: ApiServerDeps): Promise<void> {
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  app.addHook('onRoute', documentRefusals);
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(API_HEADERS);
    done();
  });
  await app.register(underPressure, {
    maxEventLoopDelay: limits.eventLoopDelayMs,
    // an interval in which the loop never turned counts as a delay without end: it must be as long as what is allowed
    sampleInterval: Math.max(1_000, limits.eventLoopDelayMs),
    customError: Overloaded,
    retryAfter: 1,
  });
  await app.register(rateLimit, {
    max: limits.requestsPerMinute,
    timeWindow: MINUTE_MS,
    store: storeOver(countRequests(app, deps.counts)),
    enableDraftSpec: true,
    keyGenerator: (request) => request.principal?.keyId ?? request.ip,
    errorResponseBuilder: (_request, { ttl }) => tooManyRequests(ttl),
  });
  // the hook that counts is each route's own and so runs after this one, which says whose request it is
  authenticateRequests(app, deps.services.keys, limits.failedAuthenticationsPerMinute);
  await app.register((scope) => taskRoutes(scope, deps.services.tasks, deps.gate));
  await app.register((scope) => skillRoutes(scope, deps.services.skills));
  await app.register((scope) => agentRoutes(scope, deps.services));
  await app.register((scope) => toolRoutes(scope, deps.services.tools));
  await app.register((scope) => agentRecordRoutes(scope, deps.services));
  await app.register((scope) => adminRoutes(scope, deps.services), { prefix: '/admin' });
}

async function documentation(app: FastifyInstance): Promise<void> {
  await app.register(helmet, DOCS_HEADERS);
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'Swarmbid API' },
    uiConfig: { docExpansion: 'list', persistAuthorization: true },
  });
}

/** A span for each request of the API, under the caller's where the caller sends `traceparent`. */
function traceRequests(app: FastifyInstance): void {
  const spans = new WeakMap<FastifyRequest, TraceSpan>();
  app.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url ?? '';
    if (!route.startsWith('/v1/')) {
      done();
      return;
    }
    const { traceparent } = request.headers;
    const span = startSpan(`${request.method} ${route}`, {
      kind: 'server',
      parent: typeof traceparent === 'string' ? traceparent : undefined,
      attributes: { 'http.request.method': request.method, 'http.route': route },
    });
    spans.set(request, span);
    span.run(done);
  });
  // A body arrives as events of the socket, which know nothing of the hooks before them.
  app.addHook('preValidation', (request, _reply, done) => {
    const span = spans.get(request);
    if (span === undefined) done();
    else span.run(done);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request);
    span?.set({ 'http.response.status_code': reply.statusCode });
    span?.end(reply.statusCode >= 500 ? 'error' : undefined);
    done();
  });
}

function demandTlsFromNowOn(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(TLS_HEADERS);
    done();
  });
}

function measureRequests(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.httpSeconds.labels(request.method, route, String(reply.statusCode)).observe(reply.elapsedTime / 1_000);
    done();
  });
}

function countRequests(app: FastifyInstance, store: CountStore | undefined): RequestCounts {
  const counts = new RequestCounts(MINUTE_MS, store);
  app.addHook('onClose', (_app, done) => {
    counts.close();
    done();
  });
  return counts;
}

class Overloaded extends MarketError {
  constructor() {
    super('OVERLOADED', 'The server has more to do than it can. Try again.', { retryAfterSeconds: 1 });
  }
}

function tooManyRequests(ttlMs: number): MarketError {
  const retryAfterSeconds = Math.ceil(ttlMs / 1_000);
  return new MarketError('RATE_LIMITED', `This key has sent too many requests. Wait ${retryAfterSeconds} s.`, {
    retryAfterSeconds,
  });
}
