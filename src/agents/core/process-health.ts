const MAX_EVENT_LOOP_DELAY_MS = 500;
const MAX_MEMORY_PERCENT = 90;

/** Null if a process with these readings is healthy, else why not. */
export function healthFault(readings: { eventLoopDelayMs: number; memoryPercent: number }): string | null {
  if (readings.eventLoopDelayMs >= MAX_EVENT_LOOP_DELAY_MS) {
    return `event loop late by ${Math.round(readings.eventLoopDelayMs)} ms at the 99th percentile, limit ${MAX_EVENT_LOOP_DELAY_MS} ms`;
  }
  if (readings.memoryPercent >= MAX_MEMORY_PERCENT) {
    return `${Math.round(readings.memoryPercent)} % of the memory used, limit ${MAX_MEMORY_PERCENT} %`;
  }
  return null;
}
