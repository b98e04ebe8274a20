/**
 * What a model's server does wrong, in two questions: is it worth asking again, and does it speak against the server?
 * The `openai` client's errors are told by their status and name, so that this needs no part of the client.
 */

import { BrokenCircuitError } from 'cockatiel';

/** The answer ended before its end, or cannot be read. */
export class BrokenAnswer extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BrokenAnswer';
  }
}

/** No answer within the time of one. */
export class LateAnswer extends Error {
  constructor(timeoutMs: number) {
    super(`The model did not answer within ${timeoutMs} ms.`);
    this.name = 'LateAnswer';
  }
}

/** Longest `Retry-After` that is waited for. */
const MAX_RETRY_AFTER_MS = 60_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 8_000;

interface Told {
  status?: number | undefined;
  code?: string | null | undefined;
  headers?: Headers | undefined;
  name?: string | undefined;
}

function toldBy(error: unknown): Told {
  return typeof error === 'object' && error !== null ? error : {};
}

/** Nothing was heard, or what was heard broke off. */
function isConnectionFault(error: unknown): boolean {
  const { status, name } = toldBy(error);
  if (error instanceof BrokenAnswer || error instanceof LateAnswer) return true;
  if (name === 'AbortError' || error?.constructor.name === 'APIUserAbortError') return false;
  // fetch: "terminated", "fetch failed"; the client: APIConnectionError, or an error told in the midst of a stream
  return error instanceof TypeError || error instanceof SyntaxError || (isApiError(error) && status === undefined);
}

function isApiError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'requestID' in error && 'status' in error;
}

export function isWorthAnotherTry(error: unknown): boolean {
  const { status, code } = toldBy(error);
  if (code === 'insufficient_quota') return false;
  if (status === undefined) return isConnectionFault(error);
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/** A full queue (429) does not; a key that is refused does, for no task will fare better. */
export function speaksAgainstServer(error: unknown): boolean {
  const { status, code } = toldBy(error);
  if (code === 'insufficient_quota' || status === 401 || status === 403) return true;
  return status !== 429 && isWorthAnotherTry(error);
}

/** How long to wait before try number `attempt` + 1: what the server asks for, or exponential with half of it by chance. */
export function retryDelayMs(error: unknown, attempt: number, chance: number, nowMs: number): number {
  const asked = retryAfterMs(toldBy(error).headers, nowMs);
  if (asked !== undefined) return Math.min(MAX_RETRY_AFTER_MS, asked);
  const longest = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempt - 1));
  return longest / 2 + (chance * longest) / 2;
}

/** `retry-after-ms`, or `Retry-After` in seconds or as a date. */
function retryAfterMs(headers: Headers | undefined, nowMs: number): number | undefined {
  const ms = Number(headers?.get('retry-after-ms') ?? NaN);
  if (Number.isFinite(ms)) return Math.max(0, ms);
  const text = headers?.get('retry-after') ?? '';
  if (text === '') return undefined;
  const seconds = Number(text);
  const wanted = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(text) - nowMs;
  return Number.isFinite(wanted) ? Math.max(0, wanted) : undefined;
}

/** A sentence for people; never the key, which no server's message should hold. */
export function describeModelFault(error: unknown, host: string): string {
  const { status } = toldBy(error);
  const said = error instanceof Error ? error.message : String(error);
  if (error instanceof BrokenCircuitError)
    return `The model server ${host} has failed too often; it is left alone for a while.`;
  return `The model server ${host} ${status === undefined ? 'failed' : `answered ${status}`}: ${said.slice(0, 500)}`;
}
