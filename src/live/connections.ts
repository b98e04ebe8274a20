import type { Metrics } from '../observability/metrics.ts';
import type { Connection, LiveServer } from './live-types.ts';
import { MessageBudget } from './message-budget.ts';
import { SendBudget } from './send-budget.ts';

/** Ticks after which a reader that takes nothing is cut off: with a tick each 2 s, within 10 s. */
const MAX_TICKS_STUCK = 4;

/** All open connections, each with the budgets of what may wait for it and of what it may say. A connection may carry several namespaces. */
export class Connections {
  readonly #budgets = new Map<Connection, SendBudget>();

  constructor(io: LiveServer, metrics: Metrics) {
    io.engine.on('connection', (connection: Connection) => {
      this.#budgets.set(connection, new SendBudget(connection));
      limitMessages(connection);
      metrics.watchers.inc();
      connection.once('close', () => {
        this.#budgets.delete(connection);
        metrics.watchers.dec();
      });
    });
  }

  budgetOf(connection: Connection): SendBudget {
    return this.#budgets.get(connection) ?? new SendBudget(connection);
  }

  /** Cuts off who has taken nothing for too long. Returns how many were cut. */
  cutSlowReaders(): number {
    let cut = 0;
    for (const budget of this.#budgets.values()) {
      if (budget.tick() < MAX_TICKS_STUCK) continue;
      budget.cut();
      cut += 1;
    }
    return cut;
  }

  /** Ends every connection as soon as what waits for it has gone out. */
  closeAll(): void {
    for (const connection of this.#budgets.keys()) connection.close();
  }
}

/** Whoever says too much is cut off at once: answering each message would be what it wants. */
function limitMessages(connection: Connection): void {
  const budget = new MessageBudget();
  connection.on('packet', () => {
    if (!budget.take()) connection.close(true);
  });
}
