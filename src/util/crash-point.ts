/**
 * Named places at which a process can be told to die as if by `kill -9`, for the fault suite: `CRASH_AT=after-claim:3` ends
 * it the third time that it comes by. Unset, a crash point costs one comparison.
 */
export interface CrashAt {
  point: string;
  /** Dies when it passes the point for the so-manieth time, from 1. */
  time: number;
}

let armed: { point: string; left: number } | undefined;

export function armCrashPoint(crashAt: CrashAt | undefined): void {
  armed = crashAt === undefined ? undefined : { point: crashAt.point, left: crashAt.time };
}

export function crashPoint(point: string): void {
  if (armed?.point !== point) return;
  armed.left -= 1;
  if (armed.left === 0) process.kill(process.pid, 'SIGKILL');
}
