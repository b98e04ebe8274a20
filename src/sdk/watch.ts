import { io } from 'socket.io-client';
import type { EventType, TaskEvent } from '../contracts/events.ts';
import { SwarmbidError } from './swarmbid-error.ts';
import { TaskFeed } from './task-feed.ts';

export interface WatchOptions {
  /** The last `seq` that the caller has seen, default 0: from the first event. */
  afterSeq?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Default true: ends after the task's final event. False: goes on until the caller stops. */
  untilEnd?: boolean | undefined;
  /** How long the server may be out of reach before `UNREACHABLE`, default 30 000. */
  giveUpAfterMs?: number | undefined;
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
  server: { url: string; token: string | undefined },
  taskId: string,
  options: WatchOptions,
): AsyncGenerator<TaskEvent, void, undefined> {
  const untilEnd = options.untilEnd ?? true;
  options.signal?.throwIfAborted();
  const feed = new TaskFeed(connect(server), {
    taskId,
    afterSeq: options.afterSeq ?? 0,
    untilEnd,
    giveUpAfterMs: options.giveUpAfterMs ?? 30_000,
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

function connect(server: { url: string; token: string | undefined }) {
  const base = address(server.url);
  return io(`${base.origin}/tasks`, {
    path: `${base.pathname.replace(/\/+$/, '')}/socket.io`,
    auth: server.token === undefined ? {} : { token: server.token },
    autoConnect: false,
    forceNew: true,
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnectionDelay: 200,
    reconnectionDelayMax: 2_000,
  });
}

function address(url: string): URL {
  try {
    return new URL(url);
  } catch (cause) {
    throw new SwarmbidError('UNREACHABLE', `${url} is not an address; write it as http://host:port`, { cause });
  }
}
