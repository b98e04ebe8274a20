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
    ...workMetrics(registers),
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

/** Of auctions, subtasks, settlements and jobs: rate, errors by outcome, duration. */
function workMetrics(registers: Registry[]) {
  return {
    auctionSeconds: new Histogram({
      name: 'swarmbid_auction_seconds',
      help: 'Time from announcement to the closing of a round',
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
      registers,
    }),
    auctionRounds: new Counter({
      name: 'swarmbid_auction_rounds_total',
      help: 'Rounds that were closed, by what came of them',
      labelNames: ['outcome'],
      registers,
    }),
    subtaskSeconds: new Histogram({
      name: 'swarmbid_subtask_seconds',
      help: 'Time from the claim of an attempt to its end, by its verdict',
      labelNames: ['outcome'],
      buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800],
      registers,
    }),
    settlementSeconds: new Histogram({
      name: 'swarmbid_settlement_seconds',
      help: 'Time to judge and settle one batch of what pools wrote',
      labelNames: ['outcome'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    }),
    jobSeconds: new Histogram({
      name: 'swarmbid_job_seconds',
      help: 'Time to work on one job of a queue',
      labelNames: ['queue', 'outcome'],
      buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800],
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
