import type { Socket } from 'node:net';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ERROR_TITLES, MarketError, type ErrorCode } from '../contracts/errors.ts';
import { isStoreFailure } from '../util/store-failure.ts';
import { isTlsFault } from '../util/tls-fault.ts';
import { PROBLEM_MEDIA_TYPE, type Problem } from './problem.ts';

/** The one table from the meaning of an error to its HTTP status. */
export const HTTP_STATUS: Record<ErrorCode, number> = {
  INVALID_REQUEST: 400,
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

const SHOWN_PATH_LENGTH = 200;

/** Every answer that is not a success leaves the server here, as a problem document. */
export function handleErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = (request.url.split('?', 1)[0] ?? '').slice(0, SHOWN_PATH_LENGTH);
    return sendProblem(reply, new MarketError('NOT_FOUND', `There is no ${request.method} ${path}.`));
  });
}

/** For fastify's `frameworkErrors`: a request that no route could take. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const shown = toMarketError(error);
  if (HTTP_STATUS[shown.code] >= 500 && shown.code !== 'OVERLOADED') logFailure(request.log, error, request);
  return sendProblem(reply, shown);
}

function logFailure(log: FastifyBaseLogger, error: unknown, request: FastifyRequest): void {
  log.error({ err: error, method: request.method, route: request.routeOptions.url }, 'a request failed');
}

function sendProblem(reply: FastifyReply, error: MarketError): FastifyReply {
  const retryAfterSeconds = retryAfterSecondsOf(error);
  if (retryAfterSeconds !== undefined) void reply.header('retry-after', retryAfterSeconds);
  if (error.code === 'UNAUTHENTICATED') void reply.header('www-authenticate', 'Bearer realm="swarmbid"');
  return reply
    .code(HTTP_STATUS[error.code])
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problemOf(error)));
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
function retryAfterSecondsOf(error: MarketError): number | undefined {
  if (error.retryAfterSeconds !== undefined) return Math.max(1, Math.ceil(error.retryAfterSeconds));
  return HTTP_STATUS[error.code] === 503 || error.code === 'RATE_LIMITED' ? 1 : undefined;
}

/** What of `error` may be shown. Everything that is not known to be harmless becomes INTERNAL without a word of its own. */
function toMarketError(error: unknown): MarketError {
  if (error instanceof MarketError) return error;
  const fromFramework = fromFastify(error);
  if (fromFramework !== null) return fromFramework;
  if (isStoreFailure(error)) {
    return new MarketError('UNAVAILABLE', 'A store of the market does not answer now. Try again.', { cause: error });
  }
  return new MarketError('INTERNAL', 'The market failed to answer this request. It is in the log.', { cause: error });
}

function fromFastify(error: unknown): MarketError | null {
  if (!(error instanceof Error)) return null;
  switch ('code' in error ? error.code : undefined) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new MarketError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json.');
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new MarketError('PAYLOAD_TOO_LARGE', 'The body may have at most 1 MiB.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new MarketError(
        'INVALID_REQUEST',
        'The body has another length than Content-Length says, or is not UTF-8.',
      );
    case 'FST_ERR_BAD_URL':
      return new MarketError('INVALID_REQUEST', 'The path of the URL is not percent-encoded UTF-8.');
    // what Node's parser lets through and the router has no method for, such as the preface of HTTP/2
    case 'FST_ERR_NOT_FOUND':
      return new MarketError('NOT_FOUND', 'There is no such address.');
    case 'ECONNRESET':
      // of the client's connection; a store's says otherwise
      return error.message === 'aborted' ? new MarketError('INVALID_REQUEST', 'The body ended too early.') : null;
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new MarketError('NOT_FOUND', 'Nothing has an id as long as this.');
    default:
      return null;
  }
}

/** For fastify's `clientErrorHandler`: what is not HTTP never becomes a request. */
export function answerBrokenHttp(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || isTlsFault(error) || !socket.writable) {
    socket.destroy();
    return;
  }
  const shown = new MarketError('INVALID_REQUEST', brokenHttpReason(error.code));
  const body = JSON.stringify(problemOf(shown));
  const head = [
    'HTTP/1.1 400 Bad Request',
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function brokenHttpReason(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return 'The headers of the request are too large.';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'The request did not arrive in time.';
  return 'The request is not valid HTTP/1.1.';
}
