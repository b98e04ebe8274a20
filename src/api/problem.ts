import { z } from 'zod';
import { ERROR_TITLES, type ErrorCode, type FieldError, type MarketError } from '../contracts/errors.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The one table from the meaning of an error to its HTTP status. */
export const HTTP_STATUS: Record<ErrorCode, number> = {
  INVALID_REQUEST: 400,
  NOT_SUPPORTED: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  IDEMPOTENCY_KEY_REUSED: 422,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  OVERLOADED: 503,
  UNAVAILABLE: 503,
};

export const problemSchema = z.object({
  type: z.string().describe('a URN made from the code'),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string().describe('stable; decide by this'),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

/** An RFC 9457 problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  errors?: FieldError[];
}

export function problemOf(error: MarketError): Problem {
  return {
    type: `urn:swarmbid:problem:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: ERROR_TITLES[error.code],
    status: HTTP_STATUS[error.code],
    detail: error.message,
    code: error.code,
    ...(error.errors === undefined ? {} : { errors: error.errors }),
  };
}

/** Seconds after which it makes sense to ask again; undefined where asking again does not help. */
export function retryAfterSecondsOf(error: MarketError): number | undefined {
  if (error.retryAfterSeconds !== undefined) return Math.max(1, Math.ceil(error.retryAfterSeconds));
  return HTTP_STATUS[error.code] === 503 || error.code === 'RATE_LIMITED' ? 1 : undefined;
}
