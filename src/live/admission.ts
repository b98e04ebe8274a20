import type { Principal } from '../contracts/access.ts';
import { MarketError, type ErrorCode } from '../contracts/errors.ts';
import { admits, NAMESPACES, type Access, type Namespace } from '../contracts/permissions.ts';
import type { KeyService } from '../contracts/services.ts';
import type { Logger } from '../observability/logger.ts';
import { isLoopbackHost, isLoopbackOrigin } from '../util/loopback.ts';
import { isStoreFailure } from '../util/store-failure.ts';
import { createWindowCounts, type WindowCounts } from '../util/window-counts.ts';
import type { LiveNamespace, LiveSocket } from './live-types.ts';

/** As much of the keys as a connection needs. */
type Authentication = Pick<KeyService, 'authenticate'>;

export interface AdmissionDeps {
  keys: Authentication;
  logger: Logger;
  /** Origins whose pages may connect, beside the server's own. */
  origins: readonly string[];
  /** Wrong keys of one address in a minute; the connection of each further one is cut. */
  failedPerMinute: number;
}

/** The code that a client is told for `error`; what is not meant for it is logged and becomes UNAVAILABLE or INTERNAL. */
export function codeFor(error: unknown, logger: Logger): ErrorCode {
  if (error instanceof MarketError) return error.code;
  logger.error({ err: error }, 'the live feed failed to answer');
  return isStoreFailure(error) ? 'UNAVAILABLE' : 'INTERNAL';
}

/**
 * Gives the namespaces their doors: a socket gets in whose key the table of permissions admits, and is heard with the
 * events that the table names. Others get `connect_error` with the code as message and `data.code`; an event that is not
 * theirs is acknowledged with the code, if it asked for that, and never reaches the namespace.
 */
export function createAdmission(deps: AdmissionDeps): (namespace: LiveNamespace, name: Namespace) => void {
  const failures = createWindowCounts(60_000);
  return (namespace, name) => {
    const { connect, events } = NAMESPACES[name];
    namespace.use((socket, next) => {
      const token = tokenOf(socket);
      admit(socket, token, connect, deps, failures).then(
        (principal) => {
          socket.data.principal = principal;
          socket.data.token = token;
          hearOnly(socket, events);
          next();
        },
        (error: unknown) => {
          const code = codeFor(error, deps.logger);
          next(Object.assign(new Error(code), { data: { code } }));
        },
      );
    });
  };
}

type Acknowledge = (answer: { ok: false; code: ErrorCode }) => void;

function hearOnly(socket: LiveSocket, events: Readonly<Record<string, Access>>): void {
  socket.use((packet, next) => {
    const [event, ...received] = packet as unknown[];
    const access = typeof event === 'string' && Object.hasOwn(events, event) ? events[event] : undefined;
    if (access !== undefined && admits(access, socket.data.principal.role)) {
      next();
      return;
    }
    const acknowledge = received.at(-1);
    if (typeof acknowledge !== 'function') return;
    (acknowledge as Acknowledge)({ ok: false, code: access === undefined ? 'NOT_FOUND' : 'FORBIDDEN' });
  });
}

async function admit(
  socket: LiveSocket,
  token: string | undefined,
  access: Access,
  deps: AdmissionDeps,
  failures: WindowCounts,
): Promise<Principal> {
  if (!mayConnectFrom(socket, deps.origins))
    throw new MarketError('FORBIDDEN', 'Pages of this origin may not connect.');
  const principal = await deps.keys.authenticate(token).catch((error: unknown) => {
    if (isWrongKey(error) && failures.add(socket.conn.remoteAddress).count > deps.failedPerMinute)
      socket.conn.close(true);
    throw error;
  });
  if (!admits(access, principal.role)) throw new MarketError('FORBIDDEN', `This needs a key of role ${access}.`);
  if (principal.keyId === null && !isFromThisMachine(socket))
    throw new MarketError('FORBIDDEN', 'Only from localhost.');
  return principal;
}

/** Web sockets know no same-origin rule. A client that is no browser names no origin, and a page of our own names our host. */
function mayConnectFrom(socket: LiveSocket, origins: readonly string[]): boolean {
  const { host, origin } = socket.handshake.headers;
  if (origin === undefined || origins.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  return new URL(origin).host === host || isFromThisMachine(socket);
}

/** Without keys, a page of another site in the user's browser must not get in. */
function isFromThisMachine(socket: LiveSocket): boolean {
  const { host, origin } = socket.handshake.headers;
  return isLoopbackHost(host) && isLoopbackOrigin(origin);
}

/** A token that is no text is a wrong one; none at all is none. */
function tokenOf(socket: LiveSocket): string | undefined {
  const { token } = socket.handshake.auth as { token?: unknown };
  if (token === undefined || token === null) return undefined;
  return typeof token === 'string' ? token : '';
}

/**
 * Asks for each open socket whether its key still stands, once for each key, and ends the connections of those whose key does
 * not. A store that does not answer ends nobody.
 */
export async function dropRevoked(namespaces: readonly LiveNamespace[], keys: Authentication): Promise<void> {
  const byToken = new Map<string | undefined, LiveSocket[]>();
  for (const namespace of namespaces) {
    for (const socket of namespace.sockets.values()) {
      const sockets = byToken.get(socket.data.token);
      if (sockets === undefined) byToken.set(socket.data.token, [socket]);
      else sockets.push(socket);
    }
  }
  for (const [token, sockets] of byToken) {
    if (await stillStands(token, keys)) continue;
    for (const socket of sockets) socket.disconnect(true);
  }
}

async function stillStands(token: string | undefined, keys: Authentication): Promise<boolean> {
  try {
    await keys.authenticate(token);
    return true;
  } catch (error) {
    return !isWrongKey(error);
  }
}

function isWrongKey(error: unknown): boolean {
  return error instanceof MarketError && error.code === 'UNAUTHENTICATED';
}
