import type { ModelTiers } from '../core/thinking/model-tier.ts';

/** An OpenAI-compatible server, and what an agent asks of it. */
export interface ModelSettings {
  /** A model's name, or one for each complexity of task. Default: `gpt-4.1-mini` of OpenAI's own, else the first that the server lists. */
  model?: ModelTiers | undefined;
  /** Up to and with `/v1`. Default: OpenAI's own. */
  baseUrl?: string | undefined;
  /** Local servers want any, or none. */
  apiKey?: string | undefined;
  /** Sent with every request. */
  headers?: Record<string, string> | undefined;
  /** 0–2; left to the server unless given, as all that follows. */
  temperature?: number | undefined;
  topP?: number | undefined;
  /** Most tokens of one answer. */
  maxTokens?: number | undefined;
  /** Of one answer, from question to last token. Default 60 000. */
  timeoutMs?: number | undefined;
  limits?: EndpointLimits | undefined;
}

/** Shared by all agents of this process that use the same server with the same key. */
export interface EndpointLimits {
  /** Requests at once, default 4; further ones wait. */
  concurrency?: number | undefined;
  /** Default: no limit. */
  requestsPerMinute?: number | undefined;
}

export const OPENAI_URL = 'https://api.openai.com/v1';

export const DEFAULT_OPENAI_MODEL = 'gpt-4.1-mini';
