import { availableParallelism, cpus, totalmem, loadavg, type } from 'node:os';
import type { Stores } from './stores.ts';

export interface Machine {
  cores: number;
  cpu: string;
  memoryGb: number;
  system: string;
  node: string;
  postgres: string;
  redis: string;
  /** Of the last minute, when the benchmark began: over 0 means that it was not alone. */
  loadAverage: number;
}

export function describeMachine({ versions }: Stores): Machine {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1e9),
    system: type(),
    node: process.version,
    ...versions,
    loadAverage: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}
