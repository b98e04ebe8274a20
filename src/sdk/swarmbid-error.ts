import type { ErrorCode, FieldError } from '../contracts/errors.ts';

/**
 * A code of the server's registry, or one of the client's own: `UNREACHABLE` (no answer: refused, broken off, or too
 * late) and `UNEXPECTED_RESPONSE` (an answer that no Swarmbid server gives, as from a proxy). A newer server may know more.
 */
export type SwarmbidErrorCode = ErrorCode | 'UNREACHABLE' | 'UNEXPECTED_RESPONSE' | (string & {});

export interface SwarmbidErrorOptions {
  status?: number | undefined;
  errors?: FieldError[] | undefined;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Every failure of the client, except an abort by the caller's own signal, which throws that signal's reason. */
export class SwarmbidError extends Error {
  readonly code: SwarmbidErrorCode;
  /** HTTP status; null where no HTTP answer was given (`UNREACHABLE`, and refusals of the live feed). */
  readonly status: number | null;
  /** What went wrong this time, for a person. */
  readonly detail: string;
  /** The faulty fields of a request; empty for other errors. */
  readonly errors: readonly FieldError[];
  /** How long the server asks to wait before the next try; null where it asks nothing. */
  readonly retryAfterMs: number | null;

  constructor(code: SwarmbidErrorCode, detail: string, options: SwarmbidErrorOptions = {}) {
    super(detail, { cause: options.cause });
    this.name = 'SwarmbidError';
    this.code = code;
    this.detail = detail;
    this.status = options.status ?? null;
    this.errors = options.errors ?? [];
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}
