/** An API server over services that live in memory, for tests of what HTTP makes of them. */
import { pino } from 'pino';
import type { FastifyInstance } from 'fastify';
import { createApiServer, type ApiLimits, type ApiServices } from '../../src/api/index.ts';
import type { TaskGate } from '../../src/api/routes/tasks.ts';
import type { Principal } from '../../src/contracts/access.ts';
import type { AgentView } from '../../src/contracts/agent.ts';
import { MarketError } from '../../src/contracts/errors.ts';
import type { TaskEvent } from '../../src/contracts/events.ts';
import type { AgentReputation, MarketStats } from '../../src/contracts/ledger.ts';
import type { AgentDirectory, ReputationQueries, TaskService } from '../../src/contracts/services.ts';
import type { Skill } from '../../src/contracts/skill.ts';
import type { PublishedTool } from '../../src/contracts/tool.ts';
import { isFinal, type ParsedTaskSubmission, type TaskView } from '../../src/contracts/task.ts';
import type { Logger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { uuidv7 } from '../../src/util/uuid.ts';

export const TOKENS = {
  ada: 'sb_ada',
  bob: 'sb_bob',
  admin: 'sb_admin',
  outsider: 'sb_outsider',
} as const;

const PRINCIPALS: Record<string, Principal> = {
  [TOKENS.ada]: { keyId: 'key-ada', role: 'submitter', ownerId: 'ada' },
  [TOKENS.bob]: { keyId: 'key-bob', role: 'submitter', ownerId: 'bob' },
  [TOKENS.admin]: { keyId: 'key-admin', role: 'admin', ownerId: 'admin' },
  [TOKENS.outsider]: { keyId: 'key-outsider', role: 'agent', ownerId: 'outsider' },
};

const AT = '2026-11-21T10:00:00.000Z';
const NOBODY = new MarketError('NOT_FOUND', 'There is no such task.');

export interface FakeMarket {
  app: FastifyInstance;
  services: ApiServices;
  /** Lines that the server has logged. */
  log: Record<string, unknown>[];
  /** What the tasks' service was asked to submit. */
  submitted: { ownerId: string; submission: ParsedTaskSubmission; idempotencyKey: string | undefined }[];
  events: Map<string, TaskEvent[]>;
  revoked: Set<string>;
}

export interface FakeMarketOptions {
  limits?: Partial<ApiLimits>;
  /** No key is needed. */
  keyless?: boolean;
  change?: (services: ApiServices) => void;
  /** In place of one that keeps its lines in `log`. */
  logger?: Logger;
  gate?: TaskGate;
}

export async function fakeMarket(options: FakeMarketOptions = {}): Promise<FakeMarket> {
  const log: Record<string, unknown>[] = [];
  const logger =
    options.logger ??
    pino({ level: 'info' }, { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) });
  const market = { log, submitted: [], events: new Map<string, TaskEvent[]>(), revoked: new Set<string>() };
  const services = fakeServices(market, options.keyless ?? false);
  options.change?.(services);
  const deps = { services, logger, metrics: createMetrics(), version: '1.2.3' };
  const openQueues = () => Promise.resolve([]);
  const app = await createApiServer({ ...deps, limits: options.limits, gate: options.gate, openQueues });
  return { ...market, services, app };
}

type Memory = Pick<FakeMarket, 'submitted' | 'events' | 'revoked'>;

function fakeServices(memory: Memory, keyless: boolean): ApiServices {
  return {
    tasks: fakeTasks(memory),
    skills: {
      list: async () => ({ items: [{ id: 'seo', description: '', checks: [] }], nextCursor: null }),
      put: async (_principal, id, body): Promise<Skill> => ({ id, ...body }),
    },
    agents: fakeAgents(),
    reputation: fakeReputation(),
    keys: {
      authenticate: async (token) => {
        const principal = token === undefined ? undefined : PRINCIPALS[token];
        if (token === undefined && keyless) return { keyId: null, role: 'admin', ownerId: 'local' };
        if (principal !== undefined && !memory.revoked.has(token ?? '')) return principal;
        throw new MarketError('UNAUTHENTICATED', 'Send a key.');
      },
      create: async (_principal, request) => ({ ...keyView, role: request.role, key: 'sb_new' }),
      list: async () => ({ items: [keyView], nextCursor: null }),
      revokeAllOf: async () => 0,
      revoke: async (_principal, keyId) => {
        if (keyId !== keyView.id) throw NOBODY;
      },
      adminKeyExists: async () => true,
    },
    audit: {
      list: async () => ({
        items: [{ seq: 1, at: AT, actor: 'env', action: 'key.created', target: 'k', details: {}, hash: '00' }],
        nextCursor: null,
      }),
    },
    tools: {
      list: async () => ({ items: [toolView], nextCursor: null }),
      versions: async () => ({ items: [toolView], nextCursor: null }),
      put: async (_principal, name, body) => ({ ...toolView, ...body, name }),
      withdraw: async () => undefined,
    },
    records: {
      handoffs: async () => ({ items: [], nextCursor: null }),
      handoffReport: async (windowMs) => ({ windowMs, routes: [] }),
      memories: async () => ({ items: [], nextCursor: null }),
      forget: async () => undefined,
    },
    ownerData: {
      export: async function* () {
        yield `${JSON.stringify({ kind: 'end', records: 0 })}\n`;
      } as never,
      delete: async (_principal, ownerId) => ({
        ownerId,
        keysRevoked: 0,
        tasksCancelled: 0,
        tasksDeleted: 0,
        memoriesDeleted: 0,
        ledgerEntries: 0,
      }),
    },
    readiness: { check: async () => ({ postgres: null, redis: null }) },
  };
}

const keyView = { id: 'k1', role: 'submitter' as const, name: null, ownerId: 'ada', createdAt: AT, revokedAt: null };

function fakeTasks(memory: Memory): TaskService {
  const tasks = new Map<string, TaskView>();
  const byKey = new Map<string, { task: TaskView; body: string }>();
  const find = (principal: Principal, taskId: string): TaskView => {
    const task = tasks.get(taskId);
    if (task === undefined || (principal.role !== 'admin' && task.ownerId !== principal.ownerId)) throw NOBODY;
    return task;
  };
  return {
    submit: async (principal, submission, idempotencyKey) => {
      const slot = `${principal.ownerId} ${idempotencyKey ?? uuidv7()}`;
      const body = JSON.stringify(submission);
      const known = byKey.get(slot);
      if (known !== undefined && known.body !== body) throw new MarketError('IDEMPOTENCY_KEY_REUSED', 'Another body.');
      if (known !== undefined) return { task: known.task, created: false };
      const task = taskView(principal, submission);
      tasks.set(task.id, task);
      byKey.set(slot, { task, body });
      memory.submitted.push({ ownerId: principal.ownerId, submission, idempotencyKey });
      return { task, created: true };
    },
    get: async (principal, taskId) => find(principal, taskId),
    list: async (principal, query) => {
      const own = [...tasks.values()].filter(
        (task) => principal.role === 'admin' || task.ownerId === principal.ownerId,
      );
      const items = own.filter((task) => query.status === undefined || task.status === query.status);
      return { items: items.slice(0, query.limit), nextCursor: null };
    },
    events: async (principal, taskId, after, limit) => {
      find(principal, taskId);
      return (memory.events.get(taskId) ?? []).filter((event) => event.seq > after).slice(0, limit);
    },
    position: async (principal, taskId) => ({ status: find(principal, taskId).status, lastSeq: 1 }),
    receipt: async (principal, taskId) => ({ taskId: find(principal, taskId).id, rounds: [] }),
    cancel: async (principal, taskId) => {
      const task = find(principal, taskId);
      if (isFinal(task.status)) throw new MarketError('CONFLICT', 'The task has ended.');
      task.status = 'cancelled';
      return task;
    },
    feedback: async (principal, taskId) => find(principal, taskId),
    decide: async (principal, taskId) => find(principal, taskId),
    messages: async (principal, taskId) => {
      find(principal, taskId);
      return { items: [messageView(taskId)], nextCursor: null };
    },
  };
}

const messageView = (taskId: string) => ({
  id: uuidv7(),
  subtaskId: `${taskId}-0`,
  from: 'finance',
  to: null,
  topic: 'news',
  data: { price: 3 },
  at: AT,
});

function taskView(principal: Principal, submission: ParsedTaskSubmission): TaskView {
  return {
    id: uuidv7(),
    type: submission.type,
    requiredSkills: submission.requiredSkills,
    complexity: 'simple',
    priority: submission.priority,
    data: submission.data,
    maxTeamSize: 1,
    allowPartial: submission.allowPartial,
    maxAttempts: submission.maxAttempts,
    biddingTimeMs: submission.biddingTimeMs,
    timeoutMs: submission.timeoutMs,
    policy: 'weighted',
    rules: [],
    status: 'accepted',
    ownerId: principal.ownerId,
    round: 0,
    team: [],
    subtasks: [],
    progressPercent: 0,
    warnings: [],
    usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
    createdAt: AT,
    updatedAt: AT,
    finishedAt: null,
  };
}

const toolView: PublishedTool = {
  name: 'seo',
  version: 1,
  description: 'doubles',
  parameters: { type: 'object' },
  call: { kind: 'expression', expression: 'n * 2' },
  timeoutMs: 1_000,
  trial: { arguments: {} },
  trialResult: null,
  publishedAt: AT,
};

const agentView: AgentView = {
  id: 'finance',
  name: 'Finance',
  skills: ['finance'],
  domains: [],
  capacity: 4,
  pool: null,
  status: 'active',
  reputation: 100,
  tier: 'Competent',
  loadPercent: 0,
  reservedSlots: 0,
  healthy: true,
  replicas: [],
  registeredAt: AT,
};

function fakeAgents(): AgentDirectory {
  const known = (agentId: string) => {
    if (agentId !== agentView.id) throw NOBODY;
    return agentView;
  };
  return {
    list: async () => ({ items: [agentView], nextCursor: null }),
    get: async (agentId) => known(agentId),
    register: async (_principal, registration) => {
      if (registration.id === agentView.id) throw new MarketError('CONFLICT', 'The id is taken.');
      return { ...agentView, id: registration.id };
    },
    change: async (_principal, agentId) => known(agentId),
    retire: async (_principal, agentId) => {
      known(agentId);
    },
  };
}

function fakeReputation(): ReputationQueries {
  const tiers = { Elite: 0, Expert: 0, Competent: 1, Developing: 0, 'Needs Improvement': 0 };
  return {
    ofAgent: async (_principal, agentId): Promise<AgentReputation> => {
      if (agentId !== agentView.id) throw NOBODY;
      return { agentId, reputation: 100, tier: 'Competent', entries: [], bySkill: {} };
    },
    leaderboard: async () => ({ items: [], nextCursor: null }),
    tiers: async () => ({
      tiers,
      agents: 1,
      mean: 100,
      standardDeviation: 0,
      concentration: { awards: 0, top10PercentShare: null, hhi: null },
    }),
    movers: async (windowMs) => ({ windowMs, from: AT, rises: [], falls: [] }),
    stats: async (windowMs) => marketStats(windowMs),
    series: async (windowMs, buckets) => ({ windowMs, bucketMs: windowMs / buckets, points: [] }),
  };
}

function marketStats(windowMs: number): MarketStats {
  return {
    windowMs,
    at: AT,
    tasksPerSecond: 0,
    avgTaskDurationMs: null,
    successRate: null,
    avgQuality: null,
    avgAgentLoadPercent: 0,
    peakAgentLoadPercent: 0,
    avgTeamSize: null,
    parallelExecutionRate: null,
    avgReputation: 100,
    reputationStdDev: 0,
    tasksByStatus: {},
    queueDepth: 0,
  };
}

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: Record<string, unknown>;
  text: string;
}

/** One request; `token` is Ada's unless given, and null sends none. */
export async function ask(
  market: FakeMarket,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  options: { token?: string | null; body?: unknown; raw?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { token = TOKENS.ada, body, raw } = options;
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await market.app.inject({
    method,
    url,
    headers: {
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...options.headers,
    },
    ...(payload === undefined ? {} : { payload }),
  });
  return { status: response.statusCode, headers: response.headers, body: parsed(response.body), text: response.body };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
