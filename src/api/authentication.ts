import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from '../contracts/access.ts';
import { MarketError } from '../contracts/errors.ts';
import { accessTo, admits, type Access } from '../contracts/permissions.ts';
import type { KeyService } from '../contracts/services.ts';
import { isLoopbackHost, isLoopbackOrigin } from '../util/loopback.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/** Gives each route its row of the table of permissions; one without a row fails when the server is built. */
export function demandPermissions(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) {
      const access = accessTo(method, route.url);
      if (access === undefined)
        throw new Error(`${method} ${route.url} is not in the table of contracts/permissions.ts`);
      route.config = { ...route.config, access };
    }
  });
}

/** Lets a request of `app`'s routes pass only with a principal whose role the route admits. */
export function authenticateRequests(
  app: FastifyInstance,
  keys: KeyService,
  failedPerMinute: number,
  tokenIn = tokenOf,
): void {
  const countFailure = app.createRateLimit({
    max: failedPerMinute,
    timeWindow: 60_000,
    keyGenerator: (request) => `unauthenticated ${request.ip}`,
  });
  app.addHook('onRequest', async (request) => {
    const principal = await keys.authenticate(tokenIn(request)).catch(async (error: unknown) => {
      const count = await countFailure(request);
      if (isUnauthenticated(error) && !count.isAllowed && count.isExceeded) throw tooManyFailures(count.ttlInSeconds);
      throw error;
    });
    admit(request, principal);
    request.principal = principal;
  });
}

/** The caller of a route under `/v1`. */
export function callerOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Error('a route asked who calls, and nobody was authenticated');
  return request.principal;
}

/** Another scheme than Bearer, or an empty token, is a wrong key and not the absence of one. */
function tokenOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  return /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? '';
}

function admit(request: FastifyRequest, principal: Principal): void {
  if (principal.keyId === null) refuseForeignPages(request);
  const { access } = request.routeOptions.config;
  if (access !== undefined && admits(access, principal.role)) return;
  const needed =
    principal.role === 'agent' ? 'No route is open to agents from outside yet' : 'This needs a key of role admin';
  throw new MarketError('FORBIDDEN', `${needed}; the key sent has role ${principal.role}.`);
}

/**
 * Without keys, the browser of the machine's user is the danger: a page may send requests to loopback across sites, or make
 * its own name resolve to loopback (DNS rebinding). Both show in `Origin` and `Host`.
 */
function refuseForeignPages(request: FastifyRequest): void {
  if (isLoopbackHost(request.headers.host) && isLoopbackOrigin(request.headers.origin)) return;
  throw new MarketError('FORBIDDEN', 'Until a key is created, only requests addressed to localhost are answered.');
}

function isUnauthenticated(error: unknown): boolean {
  return error instanceof MarketError && error.code === 'UNAUTHENTICATED';
}

function tooManyFailures(retryAfterSeconds: number): MarketError {
  return new MarketError('RATE_LIMITED', 'Too many requests without a valid key came from this address.', {
    retryAfterSeconds,
  });
}
