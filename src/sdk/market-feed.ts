import type { TaskEvent } from '../contracts/events.ts';
import type { MarketStats } from '../contracts/ledger.ts';
import { connectLive, isPassing, refusalCode, type LiveAddress } from './live-connection.ts';
import { SwarmbidError } from './swarmbid-error.ts';

export interface MarketListener {
  /** Events of all tasks, those of one task in `seq` order; one may come again after a broken connection. */
  onEvent?: ((event: TaskEvent) => void) | undefined;
  /** The figures of the last minute, each second. */
  onStats?: ((stats: MarketStats) => void) | undefined;
  /**
   * True each time the feed stands, false each time it broke; it comes back by itself. What happened in between is not
   * told again: read it, or watch the tasks that matter.
   */
  onConnection?: ((connected: boolean) => void) | undefined;
  /** The server turned the connection away (`UNAUTHENTICATED`, `FORBIDDEN`): the feed is over. */
  onRefused?: ((error: SwarmbidError) => void) | undefined;
}

const RETRY_MS = 500;

/** See `SwarmbidClient.listen`. */
export function listenToMarket(server: LiveAddress, listener: MarketListener): () => void {
  const socket = connectLive(server, '/admin');
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  const close = () => {
    clearTimeout(retryTimer);
    socket.off();
    socket.disconnect();
  };
  const retrySoon = () => {
    clearTimeout(retryTimer);
    retryTimer = setTimeout(() => socket.connect(), RETRY_MS);
  };
  socket.on('event', (event: TaskEvent) => listener.onEvent?.(event));
  socket.on('stats', (stats: MarketStats) => listener.onStats?.(stats));
  socket.on('connect', () => listener.onConnection?.(true));
  socket.on('disconnect', (reason) => {
    listener.onConnection?.(false);
    // socket.io comes back by itself from everything but this
    if (reason === 'io server disconnect') retrySoon();
  });
  socket.on('connect_error', (error: Error) => {
    listener.onConnection?.(false);
    if (socket.active) return;
    const code = refusalCode(error);
    if (isPassing(code)) {
      retrySoon();
      return;
    }
    close();
    listener.onRefused?.(new SwarmbidError(code, `the live feed refused the connection: ${code}`, { cause: error }));
  });
  socket.connect();
  return close;
}
