/** The live feed in a process of its own, so that its memory can be measured; its parent drives it by messages. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { attachLive } from '../../src/live/index.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { EventLog } from './event-log.ts';

export type GatewayOrder = { kind: 'happen'; taskId: string; count: number; bytes: number } | { kind: 'report' };
export type GatewayNews =
  { kind: 'listening'; port: number } | { kind: 'report'; rss: number; peakRss: number; connections: number };

const SAMPLE_MS = 10;
/** Without sweeps most of what is resident is garbage, and says nothing of what is held. */
const SWEEP_HEAP_MS = 100;
const log = new EventLog();
const metrics = createMetrics();
const server = createServer();
attachLive({
  httpServer: server,
  services: {
    tasks: { position: async (_principal, taskId) => ({ status: 'running', lastSeq: log.lastSeq(taskId) }) },
    keys: { authenticate: async () => ({ keyId: 'a', role: 'submitter', ownerId: 'ada' }) },
    reputation: { stats: () => Promise.reject(new Error('nobody asks')) },
  },
  eventReader: log,
  hints: log,
  logger: createLogger('error'),
  metrics,
  sweepMs: Number(process.argv[2]),
});

let peakRss = 0;
setInterval(() => (peakRss = Math.max(peakRss, process.memoryUsage.rss())), SAMPLE_MS);
setInterval(() => globalThis.gc?.(), SWEEP_HEAP_MS);

function say(news: GatewayNews): void {
  process.send?.(news);
}

process.on('message', (order: GatewayOrder) => {
  if (order.kind === 'happen') {
    log.append(order.taskId, order.count, { text: 'x'.repeat(order.bytes) });
    log.hint(order.taskId);
    return;
  }
  void metrics.watchers.get().then(({ values }) => {
    say({ kind: 'report', rss: process.memoryUsage.rss(), peakRss, connections: values[0]?.value ?? 0 });
  });
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => say({ kind: 'listening', port: (server.address() as AddressInfo).port }));
