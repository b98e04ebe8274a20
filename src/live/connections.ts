import type { Metrics } from '../observability/metrics.ts';
import type { Connection, LiveServer } from './live-types.ts';
import { SendBudget } from './send-budget.ts';

/** Ticks after which a reader that takes nothing is cut off: with a tick each 2 s, within 10 s. */
const MAX_TICKS_STUCK = 4;

/** All open connections, each with the budget of what may wait for it. A connection may carry several namespaces. */
export class Connections {
  readonly #budgets = new Map<Connection, SendBudget>();

  constructor(io: LiveServer, metrics: Metrics) {
    io.engine.on('connection', (connection: Connection) => {
      this.#budgets.set(connection, new SendBudget(connection));
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
}
