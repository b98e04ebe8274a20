import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

const RESOLUTION_MS = 20;

export interface ProcessReadings {
  eventLoopDelayMs: number;
  memoryPercent: number;
}

/** Reads this process's event-loop delay (99th percentile since the last reading) and its share of the heap limit. */
export function watchProcess(): { read(): ProcessReadings; stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  return {
    read() {
      const eventLoopDelayMs = Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS);
      delay.reset();
      const heap = getHeapStatistics();
      return { eventLoopDelayMs, memoryPercent: (100 * heap.used_heap_size) / heap.heap_size_limit };
    },
    stop: () => void delay.disable(),
  };
}
