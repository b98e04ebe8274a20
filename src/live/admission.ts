import type { Principal, Role } from '../contracts/access.ts';
import { MarketError, type ErrorCode } from '../contracts/errors.ts';
import type { KeyService } from '../contracts/services.ts';
import type { Logger } from '../observability/logger.ts';
import { isLoopbackHost, isLoopbackOrigin } from '../util/loopback.ts';
import { isStoreFailure } from '../util/store-failure.ts';
import type { LiveNamespace, LiveSocket } from './live-types.ts';

/** As much of the keys as a connection needs. */
type Authentication = Pick<KeyService, 'authenticate'>;

/** The code that a client is told for `error`; what is not meant for it is logged and becomes UNAVAILABLE or INTERNAL. */
export function codeFor(error: unknown, logger: Logger): ErrorCode {
  if (error instanceof MarketError) return error.code;
  logger.error({ err: error }, 'the live feed failed to answer');
  return isStoreFailure(error) ? 'UNAVAILABLE' : 'INTERNAL';
}

/** Lets sockets into `namespace` whose key has one of `roles`; others get `connect_error` with the code as message and `data.code`. */
export function admitOnly(
  namespace: LiveNamespace,
  roles: readonly Role[],
  keys: Authentication,
  logger: Logger,
): void {
  namespace.use((socket, next) => {
    const token = tokenOf(socket);
    admit(socket, token, roles, keys).then(
      (principal) => {
        socket.data.principal = principal;
        socket.data.token = token;
        next();
      },
      (error: unknown) => {
        const code = codeFor(error, logger);
        next(Object.assign(new Error(code), { data: { code } }));
      },
    );
  });
}

async function admit(
  socket: LiveSocket,
  token: string | undefined,
  roles: readonly Role[],
  keys: Authentication,
): Promise<Principal> {
  const principal = await keys.authenticate(token);
  if (!roles.includes(principal.role))
    throw new MarketError('FORBIDDEN', `This needs a key of role ${roles.join(' or ')}.`);
  if (principal.keyId === null && !isFromThisMachine(socket))
    throw new MarketError('FORBIDDEN', 'Only from localhost.');
  return principal;
}

/** Without keys, a page of another site in the user's browser must not get in: web sockets know no same-origin rule. */
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
    return !(error instanceof MarketError);
  }
}
