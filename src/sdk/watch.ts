import type { EventType, TaskEvent } from '../contracts/events.ts';
import { connectLive, type LiveAddress } from './live-connection.ts';
import { TaskFeed } from './task-feed.ts';

export interface WatchOptions {
  /** The last `seq` that the caller has seen, default 0: from the first event. */
  afterSeq?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Default true: ends after the task's final event. False: goes on until the caller stops. */
  untilEnd?: boolean | undefined;
  /** How long the server may be out of reach before `UNREACHABLE`, default 30 000; `Infinity`: for ever. */
  giveUpAfterMs?: number | undefined;
  /** Told true each time the watch stands, and false each time its connection broke; it comes back by itself. */
  onConnection?: ((connected: boolean) => void) | undefined;
}

const FINAL_EVENTS: ReadonlySet<EventType> = new Set<EventType>([
  'task.completed',
  'task.failed',
  'task.cancelled',
  'task.expired',
]);

/** True for the one event that ends a task; `reputation.changed` may still follow it. */
export function isFinalEvent(event: TaskEvent): boolean {
  return FINAL_EVENTS.has(event.type);
}

/** See `SwarmbidClient.watch`. One connection per watch; it is closed when the iteration ends, however it ends. */
export async function* watchTask(
  server: LiveAddress,
  taskId: string,
  options: WatchOptions,
): AsyncGenerator<TaskEvent, void, undefined> {
  const untilEnd = options.untilEnd ?? true;
  options.signal?.throwIfAborted();
  const feed = new TaskFeed(connectLive(server, '/tasks'), {
    taskId,
    afterSeq: options.afterSeq ?? 0,
    untilEnd,
    giveUpAfterMs: options.giveUpAfterMs ?? 30_000,
    onConnection: options.onConnection,
  });
  const abort = () => {
    feed.fail(options.signal?.reason);
  };
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    for (let event = await feed.next(); event !== null; event = await feed.next()) {
      yield event;
      if (untilEnd && isFinalEvent(event)) return;
    }
  } finally {
    options.signal?.removeEventListener('abort', abort);
    feed.close();
  }
}
