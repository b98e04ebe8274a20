/**
 * A model's server as agents of this process see it. What is asked goes through, from the outside in:
 *
 *  1. retry: what is worth another try is tried three times more, after what the server asks for (`Retry-After`) or an
 *     exponential back-off with jitter. The `openai` client's own retries are off: two would multiply.
 *  2. circuit breaker: after five failures in a row that speak against the server nothing is asked for 10 s; then one
 *     question decides.
 *  3. limits: requests per minute, then requests at once.
 *
 * While the circuit is open the agents pass, so nobody would ask the question that closes it: `healthy` sends a look at
 * `/models` for that.
 */
import {
  bulkhead,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  DelegateBackoff,
  handleWhen,
  retry,
  wrap,
  type CircuitBreakerPolicy,
  type IRetryBackoffContext,
} from 'cockatiel';
import type OpenAI from 'openai';
import pThrottle from 'p-throttle';
import { streamChat, type ChatAnswer, type ChatRequest } from './chat.ts';
import {
  describeModelFault,
  isWorthAnotherTry,
  LateAnswer,
  retryDelayMs,
  speaksAgainstServer,
} from './model-faults.ts';
import { DEFAULT_OPENAI_MODEL, OPENAI_URL, type ModelSettings } from './model-settings.ts';
import { pricingOf, type Pricing } from './prices.ts';

const TRIES_MORE = 3;
const FAILURES_TO_OPEN = 5;
const OPEN_MS = 10_000;
const DEFAULT_CONCURRENCY = 4;
const MAX_WAITING = 1_000;
const DEFAULT_TIMEOUT_MS = 60_000;
const MINUTE_MS = 60_000;
const PROBE_MS = 5_000;

/** Tests make the waiting short. */
export interface EndpointTimes {
  openMs: number;
  delayMs: typeof retryDelayMs;
}

const TIMES: EndpointTimes = { openMs: OPEN_MS, delayMs: retryDelayMs };

type Ask = <Answer>(question: (client: OpenAI, signal: AbortSignal) => Promise<Answer>) => Promise<Answer>;

export class ModelEndpoint {
  readonly baseUrl: string;
  private readonly settings: ModelSettings;
  private readonly breaker: CircuitBreakerPolicy;
  private readonly guarded: (signal: AbortSignal, timeoutMs: number) => Ask;
  private readonly pricings = new Map<string, Pricing>();
  private client: Promise<OpenAI> | undefined;
  private probing = false;
  private firstModel: string | undefined;

  constructor(settings: ModelSettings, times: EndpointTimes = TIMES) {
    this.settings = settings;
    this.baseUrl = settings.baseUrl ?? OPENAI_URL;
    this.breaker = circuitBreaker(handleWhen(speaksAgainstServer), {
      halfOpenAfter: times.openMs,
      breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
    });
    const tried = retry(handleWhen(isWorthAnotherTry), {
      maxAttempts: TRIES_MORE,
      backoff: new DelegateBackoff<IRetryBackoffContext<unknown>>(({ attempt, result }) =>
        times.delayMs('error' in result ? result.error : undefined, attempt, Math.random(), Date.now()),
      ),
    });
    const atOnce = bulkhead(settings.limits?.concurrency ?? DEFAULT_CONCURRENCY, MAX_WAITING);
    const policy = wrap(tried, this.breaker, atOnce);
    const turn = perMinute(settings.limits?.requestsPerMinute);
    this.guarded = (signal, timeoutMs) => (question) =>
      policy.execute(async (context) => {
        await turn(context.signal);
        return this.withinTime(question, context.signal, timeoutMs);
      }, signal);
  }

  get host(): string {
    return new URL(this.baseUrl).host;
  }

  /** False while the circuit is open; then it also has a look whether the server answers again. */
  healthy(): boolean {
    if (this.breaker.state !== CircuitState.Open) return true;
    if (!this.probing) void this.probe();
    return false;
  }

  pricing(model: string): Pricing {
    const known = this.pricings.get(model);
    if (known !== undefined) return known;
    const pricing = pricingOf(this.baseUrl, model);
    this.pricings.set(model, pricing);
    return pricing;
  }

  /** @throws Error that names the server and what it did wrong, once all tries are used up; the signal's reason if aborted */
  async chat(request: ChatRequest, signal: AbortSignal, onText: (text: string) => void): Promise<ChatAnswer> {
    const timeoutMs = this.settings.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    return this.ask(signal, timeoutMs, (client, during) =>
      streamChat(client, request, {
        signal: during,
        timeoutMs,
        newLimitName: this.baseUrl === OPENAI_URL,
        onText,
      }),
    );
  }

  /** One vector for each text. @throws as `chat` */
  async embed(model: string, texts: string[], signal: AbortSignal): Promise<number[][]> {
    return this.ask(signal, this.settings.timeoutMs ?? DEFAULT_TIMEOUT_MS, async (client, during) => {
      const { data } = await client.embeddings.create(
        { model, input: texts, encoding_format: 'float' },
        { signal: during },
      );
      return data.map((one) => one.embedding);
    });
  }

  /** The model of an agent that names none. @throws as `chat`, or Error if the server has none */
  async defaultModel(signal: AbortSignal): Promise<string> {
    if (this.baseUrl === OPENAI_URL) return DEFAULT_OPENAI_MODEL;
    this.firstModel ??= await this.ask(signal, PROBE_MS, async (client, during) => {
      const { data } = await client.models.list({ signal: during });
      return data[0]?.id;
    });
    if (this.firstModel === undefined) throw new Error(`The model server ${this.host} has no model; set OPENAI_MODEL.`);
    return this.firstModel;
  }

  private async ask<Answer>(
    signal: AbortSignal,
    timeoutMs: number,
    question: (client: OpenAI, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    try {
      return await this.guarded(signal, timeoutMs)(question);
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(describeModelFault(error, this.host), { cause: error });
    }
  }

  private async withinTime<Answer>(
    question: (client: OpenAI, signal: AbortSignal) => Promise<Answer>,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<Answer> {
    const late = AbortSignal.timeout(timeoutMs);
    try {
      return await question(await this.opened(), AbortSignal.any([signal, late]));
    } catch (error) {
      if (late.aborted && !signal.aborted) throw new LateAnswer(timeoutMs);
      throw error;
    }
  }

  private async probe(): Promise<void> {
    this.probing = true;
    try {
      await this.breaker.execute(({ signal }) =>
        this.withinTime(async (client, during) => client.models.list({ signal: during }), signal, PROBE_MS),
      );
    } catch {
      // It stays open: this is not news.
    } finally {
      this.probing = false;
    }
  }

  /** Loaded when it is first needed: a market whose agents work by rules does without. */
  private opened(): Promise<OpenAI> {
    return (this.client ??= openClient(this.settings, this.baseUrl));
  }
}

/** All that the client would else take from the environment is given, since config.ts alone reads that. */
async function openClient({ apiKey, headers }: ModelSettings, baseURL: string): Promise<OpenAI> {
  const { OpenAI } = await import('openai');
  return new OpenAI({
    baseURL,
    apiKey: apiKey ?? 'none',
    organization: null,
    project: null,
    adminAPIKey: null,
    webhookSecret: null,
    defaultHeaders: headers,
    maxRetries: 0,
    logLevel: 'off',
  });
}

/** Resolves when the next request may be sent; rejects with the signal's reason, for whoever waits no longer. */
function perMinute(limit: number | undefined): (signal: AbortSignal) => Promise<void> {
  if (limit === undefined) return () => Promise.resolve();
  const turn = pThrottle({ limit, interval: MINUTE_MS, strict: true })(() => Promise.resolve());
  return (signal) => Promise.race([turn(), rejectionOf(signal)]);
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

const endpoints = new Map<string, ModelEndpoint>();

/** The one of this process for this server, key, headers and limits: agents that share a server share its circuit and limits. */
export function endpointFor(settings: ModelSettings): ModelEndpoint {
  const { baseUrl, apiKey, headers, limits, timeoutMs } = settings;
  const key = JSON.stringify([baseUrl ?? OPENAI_URL, apiKey, headers, limits, timeoutMs]);
  const known = endpoints.get(key);
  if (known !== undefined) return known;
  const endpoint = new ModelEndpoint(settings);
  endpoints.set(key, endpoint);
  return endpoint;
}
