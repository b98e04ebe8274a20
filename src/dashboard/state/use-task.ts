import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { AwardReceipt, EventType, SwarmbidClient, TaskEvent, TaskView } from '../../sdk/index.ts';
import { reportFeed } from './feeds.ts';
import { client, report } from './session.ts';
import { throttled } from './throttle.ts';
import { useResource, type Resource } from './use-resource.ts';

/** Events come in bursts; the page is drawn once for each. */
const DRAW_MS = 40;
const READ_MS = 150;

const TELLS_OF_AWARD: ReadonlySet<EventType> = new Set<EventType>([
  'task.announced',
  'task.awarded',
  'subtask.reassigned',
  'task.failed',
]);

export interface FollowedTask {
  task: Resource<TaskView>;
  receipt: Resource<AwardReceipt>;
  /** All events from the first, without a gap. */
  events: readonly TaskEvent[];
  /** Why the feed is over; undefined while it goes on. */
  feedError: unknown;
}

/** A task with its events as they happen; what events do not carry is read anew when they say that it changed. */
export function useTask(taskId: string): FollowedTask {
  const task = useResource((api, signal) => api.task(taskId, { signal }), [taskId]);
  const receipt = useResource((api, signal) => api.award(taskId, { signal }), [taskId]);
  const [events, setEvents] = useState<readonly TaskEvent[]>([]);
  const [feedError, setFeedError] = useState<unknown>(undefined);
  const latest = useRef({ task, receipt });
  latest.current = { task, receipt };
  const used = client.value;
  const readTask = useMemo(() => throttled(() => latest.current.task.reload(), READ_MS), [used, taskId]);
  const readReceipt = useMemo(() => throttled(() => latest.current.receipt.reload(), READ_MS), [used, taskId]);
  useEffect(() => {
    setEvents([]);
    setFeedError(undefined);
    const stop = follow(used, taskId, {
      events: (all, fresh) => {
        setEvents(all);
        if (fresh.some(({ type }) => type !== 'subtask.progress' && type !== 'message.sent')) readTask.ask();
        if (fresh.some(({ type }) => TELLS_OF_AWARD.has(type))) readReceipt.ask();
      },
      ended: (error) => {
        if (!report(error)) setFeedError(error);
      },
    });
    return () => {
      stop();
      readTask.cancel();
      readReceipt.cancel();
    };
  }, [used, taskId, readTask, readReceipt]);
  return { task, receipt, events, feedError };
}

interface Follower {
  events(all: readonly TaskEvent[], fresh: readonly TaskEvent[]): void;
  ended(error: unknown): void;
}

function follow(api: SwarmbidClient, taskId: string, follower: Follower): () => void {
  const abort = new AbortController();
  const feed = reportFeed();
  let all: readonly TaskEvent[] = [];
  let fresh: TaskEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const draw = () => {
    timer = undefined;
    const drawn = fresh;
    all = [...all, ...drawn];
    fresh = [];
    follower.events(all, drawn);
  };
  const watch = async () => {
    const options = {
      untilEnd: false,
      giveUpAfterMs: Infinity,
      signal: abort.signal,
      onConnection: (connected: boolean) => feed.connected(connected),
    };
    for await (const event of api.watch(taskId, options)) {
      fresh.push(event);
      timer ??= setTimeout(draw, DRAW_MS);
    }
  };
  watch().catch((error: unknown) => {
    feed.end();
    if (!abort.signal.aborted) follower.ended(error);
  });
  return () => {
    abort.abort();
    clearTimeout(timer);
    feed.end();
  };
}
