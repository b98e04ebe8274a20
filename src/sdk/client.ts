import type { AuditEntry, CreatedKey, KeyRequest, KeyView } from '../contracts/access.ts';
import type { AgentChange, AgentRegistration, AgentView, Tier } from '../contracts/agent.ts';
import type { AwardReceipt } from '../contracts/award.ts';
import type { TaskEvent } from '../contracts/events.ts';
import type { HandoffEntry, HandoffReport, MemoryView } from '../contracts/handoff.ts';
import type {
  AgentReputation,
  LeaderboardRow,
  MarketSeries,
  MarketStats,
  MoversReport,
  TiersReport,
} from '../contracts/ledger.ts';
import type { MessageView } from '../contracts/message.ts';
import type { OwnerDeletion } from '../contracts/owner-data.ts';
import type { Page } from '../contracts/primitives.ts';
import type { Skill, SkillBody } from '../contracts/skill.ts';
import type { TaskListItem, TaskStatus, TaskSubmission, TaskView } from '../contracts/task.ts';
import type { PublishedTool, ToolInput } from '../contracts/tool.ts';
import { uuidv7 } from '../util/uuid.ts';
import { send, sendForJson, sendForStream, type Fetch, type HttpOptions, type HttpRequest } from './http.ts';
import { listenToMarket, type MarketListener } from './market-feed.ts';
import { withRetries } from './retry.ts';
import { watchTask, type WatchOptions } from './watch.ts';

export interface ClientOptions {
  /** Default `http://127.0.0.1:3000`. A path after the host is kept, for servers behind a proxy. */
  url?: string | undefined;
  /** `sb_…`; a server in embedded mode on loopback needs none until the first key is made. */
  token?: string | undefined;
  /** Takes the place of the global `fetch`. */
  fetch?: Fetch | undefined;
  /** How long one request may take, default 30 000. */
  timeoutMs?: number | undefined;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
}

export interface PageOptions extends CallOptions {
  /** 1–200, default 50. */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: string | undefined;
}

/** What the server's stores say of themselves; `ready` is false while one of them fails. */
export interface ReadinessReport {
  ready: boolean;
  details: unknown;
}

/** Of an owner with a hundred thousand tasks. */
const DELETION_TIMEOUT_MS = 600_000;

const id = encodeURIComponent;

/**
 * Every route of the market's API and its live feed. Methods resolve to what the server answered and reject with
 * `SwarmbidError`; only `submit` tries again by itself. Holds no connection between calls. Runs in Node and in browsers.
 */
export class SwarmbidClient {
  /** The base URL, without a slash at its end. */
  readonly url: string;
  readonly #http: HttpOptions;

  constructor(options: ClientOptions = {}) {
    this.url = (options.url ?? 'http://127.0.0.1:3000').replace(/\/+$/, '');
    this.#http = {
      url: this.url,
      token: options.token,
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      timeoutMs: options.timeoutMs ?? 30_000,
    };
  }

  /**
   * Submits a task. It is stored when this resolves. Sends an idempotency key (a random one unless given) and so tries
   * again, at most three times in all, when no answer comes or the server is unavailable: the task exists once.
   * @throws SwarmbidError INVALID_REQUEST with `errors` by field, IDEMPOTENCY_KEY_REUSED, PAYLOAD_TOO_LARGE
   */
  submit(task: TaskSubmission, options: CallOptions & { idempotencyKey?: string } = {}): Promise<TaskView> {
    const headers = { 'idempotency-key': options.idempotencyKey ?? uuidv7() };
    const { signal } = options;
    return withRetries(() => this.#json({ method: 'POST', path: '/v1/tasks', body: task, headers, signal }), signal);
  }

  /** @throws SwarmbidError NOT_FOUND, also for a task of another owner */
  task(taskId: string, options: CallOptions = {}): Promise<TaskView> {
    return this.#get(`/v1/tasks/${id(taskId)}`, options);
  }

  /**
   * Own tasks (an admin's: all), newest first, without `data` and deliveries. With `agentId`: those of which a part is the
   * agent's now, or was at its end.
   */
  tasks(
    options: PageOptions & { status?: TaskStatus; type?: string; agentId?: string } = {},
  ): Promise<Page<TaskListItem>> {
    return this.#get('/v1/tasks', options);
  }

  /** Stored events with `seq` over `after` (default 0), in order. */
  events(taskId: string, options: PageOptions & { after?: number } = {}): Promise<Page<TaskEvent>> {
    return this.#get(`/v1/tasks/${id(taskId)}/events`, options);
  }

  /** Everything that each award of the task was decided from. */
  award(taskId: string, options: CallOptions = {}): Promise<AwardReceipt> {
    return this.#get(`/v1/tasks/${id(taskId)}/award`, options);
  }

  /** @throws SwarmbidError CONFLICT if the task has ended already */
  cancel(taskId: string, options: CallOptions = {}): Promise<TaskView> {
    return this.#json({ method: 'POST', path: `/v1/tasks/${id(taskId)}/cancel`, ...options });
  }

  /**
   * Rates a subtask's delivery, or, without `subtaskId`, every accepted one; `quality` is 0–100.
   * @throws SwarmbidError CONFLICT if rated before, over 30 days old, or nothing was accepted
   */
  feedback(
    taskId: string,
    feedback: { subtaskId?: string; quality: number; comment?: string },
    options: CallOptions = {},
  ): Promise<TaskView> {
    return this.#json({ method: 'POST', path: `/v1/tasks/${id(taskId)}/feedback`, body: feedback, ...options });
  }

  /** What the task's agents said to each other, oldest first. */
  messages(taskId: string, options: PageOptions = {}): Promise<Page<MessageView>> {
    return this.#get(`/v1/tasks/${id(taskId)}/messages`, options);
  }

  /** Conversations that the task's agents handed on, or were kept from handing on, in their order. */
  handoffs(taskId: string, options: PageOptions = {}): Promise<Page<HandoffEntry>> {
    return this.#get(`/v1/tasks/${id(taskId)}/handoffs`, options);
  }

  /**
   * Answers an escalated task; the same answer once more changes nothing.
   * @throws SwarmbidError CONFLICT if nothing waits for a decision, or several do and `subtaskId` names none
   */
  decide(
    taskId: string,
    decision: { decision: 'approve' | 'reject' | 'choose'; choice?: string; note?: string; subtaskId?: string },
    options: CallOptions = {},
  ): Promise<TaskView> {
    return this.#json({ method: 'POST', path: `/v1/tasks/${id(taskId)}/decision`, body: decision, ...options });
  }

  /**
   * The task's events, each once and in `seq` order, from the first (or after `afterSeq`) to its final event, across
   * broken connections and server restarts. With `untilEnd: false` it goes on, for what follows the end
   * (`reputation.changed`), until the caller breaks off or aborts.
   * @throws SwarmbidError NOT_FOUND, UNAUTHENTICATED, or UNREACHABLE when no connection stood for `giveUpAfterMs`
   */
  watch(taskId: string, options: WatchOptions = {}): AsyncGenerator<TaskEvent, void, undefined> {
    return watchTask({ url: this.url, token: this.#http.token }, taskId, options);
  }

  /** The task once it has ended, however it ended. @throws as `watch` */
  async wait(taskId: string, options: CallOptions = {}): Promise<TaskView> {
    const events = this.watch(taskId, options);
    while ((await events.next()).done !== true);
    return this.task(taskId, options);
  }

  /**
   * Admin. All events of the market and its figures of the last minute, as they come, until the returned function is
   * called. It makes up for no gap: see `MarketListener.onConnection`.
   */
  listen(listener: MarketListener): () => void {
    return listenToMarket({ url: this.url, token: this.#http.token }, listener);
  }

  skills(options: PageOptions = {}): Promise<Page<Skill>> {
    return this.#get('/v1/skills', options);
  }

  /** Admin. Creates the skill or replaces it. @throws SwarmbidError INVALID_REQUEST for a schema or check that does not compile */
  putSkill(skillId: string, body: Partial<SkillBody>, options: CallOptions = {}): Promise<Skill> {
    return this.#json({ method: 'PUT', path: `/v1/skills/${id(skillId)}`, body, ...options });
  }

  /** Tools as data that agents may use, each in its newest version. */
  tools(options: PageOptions = {}): Promise<Page<PublishedTool>> {
    return this.#get('/v1/tools', options);
  }

  /** The newest 200 versions of a tool, newest first, also of one that was withdrawn. */
  toolVersions(name: string, options: CallOptions = {}): Promise<Page<PublishedTool>> {
    return this.#get(`/v1/tools/${id(name)}/versions`, options);
  }

  /** Admin. Tries the tool and publishes it as a new version. @throws SwarmbidError INVALID_REQUEST if its trial fails */
  putTool(name: string, tool: ToolInput, options: CallOptions = {}): Promise<PublishedTool> {
    return this.#json({ method: 'PUT', path: `/v1/tools/${id(name)}`, body: tool, ...options });
  }

  /** Admin. The tool is offered no more; its versions stay. */
  withdrawTool(name: string, options: CallOptions = {}): Promise<void> {
    return this.#done({ method: 'DELETE', path: `/v1/tools/${id(name)}`, ...options });
  }

  agents(options: PageOptions = {}): Promise<Page<AgentView>> {
    return this.#get('/v1/agents', options);
  }

  agent(agentId: string, options: CallOptions = {}): Promise<AgentView> {
    return this.#get(`/v1/agents/${id(agentId)}`, options);
  }

  /** Admin. @throws SwarmbidError CONFLICT if the id is taken */
  registerAgent(
    agent: Pick<AgentRegistration, 'id' | 'skills'> & Partial<AgentRegistration>,
    options: CallOptions = {},
  ): Promise<AgentView> {
    return this.#json({ method: 'POST', path: '/v1/agents', body: agent, ...options });
  }

  /** Admin. */
  changeAgent(agentId: string, change: AgentChange, options: CallOptions = {}): Promise<AgentView> {
    return this.#json({ method: 'PATCH', path: `/v1/agents/${id(agentId)}`, body: change, ...options });
  }

  /** Admin. The agent gets no more work; its history stays. */
  retireAgent(agentId: string, options: CallOptions = {}): Promise<void> {
    return this.#done({ method: 'DELETE', path: `/v1/agents/${id(agentId)}`, ...options });
  }

  /** The agent's ledger, newest entries first; `from` and `to` are ISO 8601. */
  reputation(agentId: string, options: CallOptions & { from?: string; to?: string } = {}): Promise<AgentReputation> {
    return this.#get(`/v1/agents/${id(agentId)}/reputation`, options);
  }

  /** What the agent remembers of own tasks (an admin's: of all), newest first. */
  memories(agentId: string, options: PageOptions = {}): Promise<Page<MemoryView>> {
    return this.#get(`/v1/agents/${id(agentId)}/memories`, options);
  }

  /** Deletes one memory, or, without `memoryId`, all that the agent remembers of own tasks (an admin's: of all). */
  forget(agentId: string, memoryId?: string, options: CallOptions = {}): Promise<void> {
    const one = memoryId === undefined ? '' : `/${id(memoryId)}`;
    return this.#done({ method: 'DELETE', path: `/v1/agents/${id(agentId)}/memories${one}`, ...options });
  }

  /** Admin. Which handoffs are made, which loop, which are never used. `window` as for `movers`, default `7d`. */
  handoffReport(options: CallOptions & { window?: string } = {}): Promise<HandoffReport> {
    return this.#get('/v1/admin/handoffs', options);
  }

  /** Admin. */
  leaderboard(options: PageOptions & { skill?: string; tier?: Tier } = {}): Promise<Page<LeaderboardRow>> {
    return this.#get('/v1/admin/reputation/leaderboard', options);
  }

  /** Admin. */
  tiers(options: CallOptions = {}): Promise<TiersReport> {
    return this.#get('/v1/admin/reputation/tiers', options);
  }

  /** Admin. `window` is a number with a unit, as `7d`, `12h`, `90m`. */
  movers(options: CallOptions & { window?: string } = {}): Promise<MoversReport> {
    return this.#get('/v1/admin/reputation/movers', options);
  }

  /** Admin. `window` as for `movers`. */
  stats(options: CallOptions & { window?: string } = {}): Promise<MarketStats> {
    return this.#get('/v1/admin/stats', options);
  }

  /** Admin. Ended tasks by buckets of time, oldest first; `buckets` is 1–500, default 60. `window` as for `movers`. */
  series(options: CallOptions & { window?: string; buckets?: number } = {}): Promise<MarketSeries> {
    return this.#get('/v1/admin/stats/series', options);
  }

  /** Admin. Who did what, newest first. */
  audit(options: PageOptions = {}): Promise<Page<AuditEntry>> {
    return this.#get('/v1/admin/audit', options);
  }

  /** Admin. The answer holds the key itself, this once. @throws SwarmbidError CONFLICT for a first key that is not an admin's */
  createKey(request: KeyRequest, options: CallOptions = {}): Promise<CreatedKey> {
    return this.#json({ method: 'POST', path: '/v1/admin/keys', body: request, ...options });
  }

  /** Admin. */
  keys(options: PageOptions = {}): Promise<Page<KeyView>> {
    return this.#get('/v1/admin/keys', options);
  }

  /** Admin. Every server refuses the key within 5 s. */
  revokeKey(keyId: string, options: CallOptions = {}): Promise<void> {
    return this.#done({ method: 'DELETE', path: `/v1/admin/keys/${id(keyId)}`, ...options });
  }

  /** Admin. Everything that is stored for an owner, as JSON lines, a piece at a time; whole if the last line is of kind `end`. */
  exportOwner(ownerId: string, options: CallOptions = {}): AsyncIterable<string> {
    return sendForStream(this.#http, { method: 'GET', path: `/v1/admin/owners/${id(ownerId)}/export`, ...options });
  }

  /** Admin. Deletes what is stored for an owner; ledger entries stay without it. May take minutes, and be sent again. */
  deleteOwnerData(ownerId: string, options: CallOptions = {}): Promise<OwnerDeletion> {
    const path = `/v1/admin/owners/${id(ownerId)}/data`;
    return this.#json({ method: 'DELETE', path, timeoutMs: DELETION_TIMEOUT_MS, ...options });
  }

  /** Resolves if the server's process lives. */
  health(options: CallOptions = {}): Promise<void> {
    return this.#done({ method: 'GET', path: '/healthz', ...options });
  }

  /** Whether the server's stores answer; a server that is not ready is an answer, not an error. */
  async readiness(options: CallOptions = {}): Promise<ReadinessReport> {
    const request: HttpRequest = { method: 'GET', path: '/readyz', accept: [503], ...options };
    const { status, text } = await send(this.#http, request);
    return { ready: status !== 503, details: readable(text) };
  }

  /** The server's metrics in Prometheus' text format. */
  async metrics(options: CallOptions = {}): Promise<string> {
    const answer = await send(this.#http, {
      method: 'GET',
      path: '/metrics',
      headers: { accept: 'text/plain' },
      ...options,
    });
    return answer.text;
  }

  /** The OpenAPI document of the server. */
  openapi(options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.#get('/openapi.json', options);
  }

  /** Every option besides `signal` goes into the query. */
  #get<Answer>(path: string, options: CallOptions): Promise<Answer> {
    const { signal, ...query } = options;
    return this.#json({ method: 'GET', path, query, signal });
  }

  async #json<Answer>(request: HttpRequest): Promise<Answer> {
    return (await sendForJson(this.#http, request)) as Answer;
  }

  async #done(request: HttpRequest): Promise<void> {
    await send(this.#http, request);
  }
}

function readable(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
