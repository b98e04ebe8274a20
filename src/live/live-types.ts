import type { Namespace, Server, Socket } from 'socket.io';
import type { Principal } from '../contracts/access.ts';
import type { TaskEvent } from '../contracts/events.ts';
import type { MarketStats } from '../contracts/ledger.ts';
import type { NAMESPACES } from '../contracts/permissions.ts';

/** What comes from a client is unknown until it is parsed; the last argument may be the function that acknowledges. */
export type FromClient = Record<keyof (typeof NAMESPACES)['/tasks']['events'], (...received: unknown[]) => void>;

export interface ToClient {
  event(event: TaskEvent): void;
  stats(stats: MarketStats): void;
}

/** What a socket carries; set before it is connected. */
export interface Admitted {
  principal: Principal;
  token: string | undefined;
}

type NoServerEvents = Record<string, never>;

export type LiveServer = Server<FromClient, ToClient, NoServerEvents, Admitted>;
export type LiveNamespace = Namespace<FromClient, ToClient, NoServerEvents, Admitted>;
export type LiveSocket = Socket<FromClient, ToClient, NoServerEvents, Admitted>;
export type Connection = LiveSocket['conn'];
