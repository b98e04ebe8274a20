import type { TaskEvent } from '../contracts/events.ts';
import type { EventHints, EventReader, ReputationQueries } from '../contracts/services.ts';
import type { Logger } from '../observability/logger.ts';
import { AdminStream } from './admin-stream.ts';
import type { LiveNamespace } from './live-types.ts';

const STATS_PERIOD_MS = 1_000;
const STATS_WINDOW_MS = 60_000;

export interface AdminGatewayDeps {
  reputation: Pick<ReputationQueries, 'stats'>;
  eventReader: EventReader;
  hints: EventHints;
  logger: Logger;
}

/** Serves `/admin`: every event, and `stats` each second. Does nothing while nobody listens. */
export class AdminGateway {
  readonly #namespace: LiveNamespace;
  readonly #deps: AdminGatewayDeps;
  #listening: { stream: AdminStream; statsTimer: ReturnType<typeof setInterval> } | null = null;
  #asking = false;

  constructor(namespace: LiveNamespace, deps: AdminGatewayDeps) {
    this.#namespace = namespace;
    this.#deps = deps;
    namespace.on('connection', (socket) => {
      this.#listening ??= this.#listen();
      socket.on('disconnect', () => {
        if (namespace.sockets.size === 0) this.close();
      });
    });
  }

  close(): void {
    clearInterval(this.#listening?.statsTimer);
    this.#listening?.stream.close();
    this.#listening = null;
  }

  #listen() {
    const send = (event: TaskEvent) => this.#namespace.emit('event', event);
    const statsTimer = setInterval(() => void this.#sendStats(), STATS_PERIOD_MS);
    return { stream: new AdminStream({ ...this.#deps, send }), statsTimer };
  }

  /** A slow answer is waited for: figures are never asked for twice at once. */
  async #sendStats(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.#namespace.emit('stats', await this.#deps.reputation.stats(STATS_WINDOW_MS));
    } catch (error) {
      this.#deps.logger.warn({ err: error }, 'the figures for admins could not be read');
    } finally {
      this.#asking = false;
    }
  }
}
