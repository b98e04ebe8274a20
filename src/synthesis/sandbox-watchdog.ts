/** A thread beside the sandbox's own: kills the process once it has lost its parent, whatever the other thread is busy with. */
import { workerData } from 'node:worker_threads';

const PERIOD_MS = 1_000;

setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, PERIOD_MS);
