/**
 * Every error code that leaves the process, with its title. Meaning lives here; the HTTP status of a code is in
 * `api/error-handler.ts`. A code never changes its meaning once released.
 */
export const ERROR_TITLES = {
  INVALID_REQUEST: 'The request is not valid',
  UNAUTHENTICATED: 'A valid key is needed',
  FORBIDDEN: 'The key may not do this',
  NOT_FOUND: 'Not found',
  CONFLICT: 'In conflict with the present state',
  PAYLOAD_TOO_LARGE: 'The body is too large',
  UNSUPPORTED_MEDIA_TYPE: 'The media type is not supported',
  IDEMPOTENCY_KEY_REUSED: 'The idempotency key was used with another body',
  RATE_LIMITED: 'Too many requests',
  OVERLOADED: 'The market is at its limit',
  UNAVAILABLE: 'A store does not answer',
  INTERNAL: 'Something went wrong inside',
} as const;

export type ErrorCode = keyof typeof ERROR_TITLES;

export interface FieldError {
  /** Where in the request, as `data.items.0.name`; empty for the whole. */
  path: string;
  message: string;
}

/** An error that may be shown to the caller. Everything else that is thrown is `INTERNAL` outside. */
export class MarketError extends Error {
  readonly code: ErrorCode;
  readonly errors: FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    detail: string,
    options: { errors?: FieldError[]; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
    this.name = 'MarketError';
    this.code = code;
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** Why a task or a subtask ended without success; shown in `error.code` of a task and of a subtask. */
export const FAILURE_CODES = [
  'NO_CAPABLE_AGENTS',
  'TEAM_TOO_SMALL',
  'AGENT_FAILED',
  'INVALID_DELIVERY',
  'SCHEMA_MISMATCH',
  'RULE_BROKEN',
  'TIMED_OUT',
  'TOO_MANY_CRASHES',
  'LEASE_LOST',
  'UNCLAIMED',
  'HANDED_BACK',
  'DEADLINE_PASSED',
  'CANCELLED',
  'TASK_ENDED',
  'STEP_FAILED',
  'DEPENDENCY_FAILED',
  'CONDITION_FAILED',
  'REVIEW_EXHAUSTED',
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

export interface Failure {
  code: FailureCode;
  message: string;
  uncoveredSkills?: string[];
}
