import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** All of one process's metrics. Names carry their unit. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    busDropped: new Counter({
      name: 'swarmbid_bus_dropped_total',
      help: 'Messages and jobs that were not let in: malformed, not signed by whom they name, stale, heard before, lost',
      labelNames: ['channel', 'reason'],
      registers,
    }),
    httpSeconds: new Histogram({
      name: 'swarmbid_http_request_seconds',
      help: 'Time to answer a request',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    }),
    auctionSeconds: new Histogram({
      name: 'swarmbid_auction_seconds',
      help: 'Time from announcement to the closing of a round',
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
      registers,
    }),
    transactionTasks: new Histogram({
      name: 'swarmbid_transaction_tasks',
      help: 'Tasks that one transaction of the task store moved',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200],
      registers,
    }),
    tasksEnded: new Counter({
      name: 'swarmbid_tasks_ended_total',
      help: 'Tasks that reached a final state',
      labelNames: ['status'],
      registers,
    }),
    openTasks: new Gauge({
      name: 'swarmbid_open_tasks',
      help: 'Tasks that were accepted and have not ended',
      registers,
    }),
    waitingOpenings: new Gauge({
      name: 'swarmbid_waiting_openings',
      help: 'Parts of tasks that wait in PostgreSQL for bids: the backlog',
      registers,
    }),
    watchers: new Gauge({ name: 'swarmbid_watchers', help: 'Open live-feed connections', registers }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
