import { io, type Socket } from 'socket.io-client';
import { SwarmbidError } from './swarmbid-error.ts';

export interface LiveAddress {
  url: string;
  token: string | undefined;
}

/** Refusals that say "not now"; any other refusal is an answer. */
const PASSING_CODES: ReadonlySet<string> = new Set(['UNAVAILABLE', 'OVERLOADED', 'RATE_LIMITED', 'INTERNAL']);

export function isPassing(code: string): boolean {
  return PASSING_CODES.has(code);
}

/** A connection of its own to a namespace of the live feed; it is not opened yet. */
export function connectLive(server: LiveAddress, namespace: '/tasks' | '/admin'): Socket {
  const base = address(server.url);
  return io(`${base.origin}${namespace}`, {
    path: `${base.pathname.replace(/\/+$/, '')}/socket.io`,
    auth: server.token === undefined ? {} : { token: server.token },
    autoConnect: false,
    forceNew: true,
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnectionDelay: 200,
    reconnectionDelayMax: 2_000,
  });
}

/** The code with which a server turned a connection away. */
export function refusalCode(error: Error & { data?: { code?: unknown } }): string {
  return typeof error.data?.code === 'string' ? error.data.code : error.message;
}

function address(url: string): URL {
  try {
    return new URL(url);
  } catch (cause) {
    throw new SwarmbidError('UNREACHABLE', `${url} is not an address; write it as http://host:port`, { cause });
  }
}
