import { PRIORITIES, type Priority } from '../../contracts/task.ts';

/** Waiting this long raises an opening by one level (PRODUCT, order of work). */
export const RAISE_AFTER_MS = 30_000;
const TOP_LEVEL = PRIORITIES.length - 1;

export interface Waiting {
  priority: Priority;
  openedAt: Date;
  deadline: Date | null;
  /** UUIDv7: the last tie falls to age. */
  taskId: string;
}

/** 0 (low) to 3 (critical): the priority, raised one level for each 30 s waited. */
export function urgency(priority: Priority, waitedMs: number): number {
  return Math.min(TOP_LEVEL, PRIORITIES.indexOf(priority) + Math.floor(Math.max(0, waitedMs) / RAISE_AFTER_MS));
}

/** Negative if `a` goes first: urgency, then the earlier deadline (none is last), then age. `opening-store` states the same in SQL. */
export function compareWaiting(a: Waiting, b: Waiting, now: Date): number {
  const byUrgency =
    urgency(b.priority, now.getTime() - b.openedAt.getTime()) -
    urgency(a.priority, now.getTime() - a.openedAt.getTime());
  if (byUrgency !== 0) return byUrgency;
  const deadlineA = a.deadline?.getTime() ?? Infinity;
  const deadlineB = b.deadline?.getTime() ?? Infinity;
  if (deadlineA !== deadlineB) return deadlineA < deadlineB ? -1 : 1;
  const byAge = a.openedAt.getTime() - b.openedAt.getTime();
  if (byAge !== 0) return byAge;
  return a.taskId < b.taskId ? -1 : a.taskId > b.taskId ? 1 : 0;
}
