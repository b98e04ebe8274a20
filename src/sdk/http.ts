import type { FieldError } from '../contracts/errors.ts';
import { SwarmbidError } from './swarmbid-error.ts';

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

export interface HttpOptions {
  /** Base URL of the server; a path prefix of a proxy stays. */
  url: string;
  token: string | undefined;
  fetch: Fetch;
  /** How long one request may take before it counts as `UNREACHABLE`. */
  timeoutMs: number;
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Beginning with `/`; ids in it are already encoded. */
  path: string;
  /** Members that are undefined are left out. */
  query?: Readonly<Record<string, string | number | undefined>>;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
  /** Statuses besides 2xx whose body is an answer and not a problem. */
  accept?: readonly number[];
  /** In place of the client's. */
  timeoutMs?: number;
}

export interface HttpAnswer {
  status: number;
  text: string;
}

/**
 * One request, once.
 * @throws SwarmbidError with the server's code, or UNREACHABLE, or UNEXPECTED_RESPONSE; `signal.reason` when aborted
 */
export async function send(options: HttpOptions, request: HttpRequest): Promise<HttpAnswer> {
  const { response, text } = await exchange(options, request);
  if (response.ok || request.accept?.includes(response.status) === true) return { status: response.status, text };
  throw problem(response, text);
}

/** `send`, and the answer read as JSON. */
export async function sendForJson(options: HttpOptions, request: HttpRequest): Promise<unknown> {
  const { status, text } = await send(options, request);
  const value = parseJson(text);
  if (value === undefined) {
    throw new SwarmbidError(
      'UNEXPECTED_RESPONSE',
      `${options.url} answered ${request.method} ${request.path} with something other than JSON. Is it a Swarmbid server?`,
      { status },
    );
  }
  return value;
}

/** The answer as it comes, a piece of text at a time. Rejects as `send` does; a stream that breaks off rejects while it is read. */
export async function* sendForStream(options: HttpOptions, request: HttpRequest): AsyncGenerator<string> {
  const { signal } = request;
  const response = await options
    .fetch(address(options.url, request), {
      method: request.method,
      headers: headersOf(options, request),
      ...(signal === undefined ? {} : { signal }),
    })
    .catch((cause: unknown) => {
      throw unreachable(options, request, reasonOf(cause), cause);
    });
  if (!response.ok) throw problem(response, await response.text());
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) yield decoder.decode(bytes, { stream: true });
  yield decoder.decode();
}

async function exchange(options: HttpOptions, request: HttpRequest): Promise<{ response: Response; text: string }> {
  const timeoutMs = request.timeoutMs ?? options.timeoutMs;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout]);
  try {
    const response = await options.fetch(address(options.url, request), {
      method: request.method,
      headers: headersOf(options, request),
      signal,
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    });
    return { response, text: await response.text() };
  } catch (cause) {
    const why = timeout.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(cause);
    throw unreachable(options, request, why, cause);
  }
}

/** @throws `signal.reason` when the request was aborted */
function unreachable({ url }: HttpOptions, { signal }: HttpRequest, why: string, cause: unknown): SwarmbidError {
  if (signal?.aborted === true) throw signal.reason;
  return new SwarmbidError('UNREACHABLE', `${url} does not answer: ${why}`, { cause });
}

function address(base: string, request: HttpRequest): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  const text = query.toString();
  return `${base}${request.path}${text === '' ? '' : `?${text}`}`;
}

function headersOf(options: HttpOptions, request: HttpRequest): Record<string, string> {
  return {
    accept: 'application/json',
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    ...request.headers,
  };
}

/** `fetch` says only "fetch failed"; the cause underneath names the reason. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error) {
    const code = 'code' in cause ? String(cause.code) : '';
    return cause.message === '' ? code : cause.message;
  }
  return error.message;
}

function problem(response: Response, text: string): SwarmbidError {
  const body = parseJson(text);
  const fields = isRecord(body) ? body : {};
  const options = { status: response.status, retryAfterMs: retryAfterMs(response.headers.get('retry-after')) };
  if (typeof fields.code !== 'string') {
    return new SwarmbidError('UNEXPECTED_RESPONSE', `HTTP ${response.status} without a problem document`, options);
  }
  const detail = [fields.detail, fields.title, fields.code].find((one) => typeof one === 'string') ?? fields.code;
  return new SwarmbidError(fields.code, detail, { ...options, errors: fieldErrors(fields.errors) });
}

function fieldErrors(value: unknown): FieldError[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map((one) => ({ path: textOf(one.path), message: textOf(one.message) }));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Retry-After is a number of seconds or an HTTP date (RFC 9110, 10.2.3). */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
