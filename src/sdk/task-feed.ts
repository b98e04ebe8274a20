/**
 * The client's end of the live feed for one task: turns a connection that comes and goes into a sequence without gaps.
 *
 * Each time the connection stands, the feed asks the server for what follows `lastSeq` (the server fills in from its
 * store and then goes on live), and puts what comes into a queue that `next` empties.
 *
 * 1. `lastSeq` is the `seq` of the last event that entered the queue. Only `lastSeq + 1` may enter: what is older came
 *    before and is dropped, what is newer shows a gap, and the feed asks again from `lastSeq`.
 * 2. The queue holds at most `QUEUE_LIMIT` events. When it is full the connection is dropped, and made anew, from
 *    `lastSeq`, when the reader has emptied it: a slow reader costs the server nothing.
 * 3. `next` hands out everything in the queue before it reports an end or a failure.
 * 4. Out of reach for `giveUpAfterMs` is a failure; the time runs while no `watch` is confirmed, and not while the reader
 *    is slow.
 */
import type { Socket } from 'socket.io-client';
import type { TaskEvent, WatchAck } from '../contracts/events.ts';
import type { TaskStatus } from '../contracts/task.ts';
import { isPassing, refusalCode } from './live-connection.ts';
import { SwarmbidError } from './swarmbid-error.ts';

const QUEUE_LIMIT = 1_000;
const ACK_TIMEOUT_MS = 10_000;
const RETRY_MS = 500;

const ENDED: ReadonlySet<string> = new Set<TaskStatus>(['completed', 'failed', 'cancelled', 'expired']);

export interface TaskFeedOptions {
  taskId: string;
  afterSeq: number;
  untilEnd: boolean;
  /** `Infinity`: never. */
  giveUpAfterMs: number;
  onConnection?: ((connected: boolean) => void) | undefined;
}

export class TaskFeed {
  readonly #socket: Socket;
  readonly #options: TaskFeedOptions;
  readonly #queue: TaskEvent[] = [];
  #lastSeq: number;
  /** Where an ended task's events ended when the watch was confirmed; null while the task goes on. */
  #endSeq: number | null = null;
  #failure: { reason: unknown } | null = null;
  #asking = false;
  #paused = false;
  #wake: (() => void) | null = null;
  #giveUpTimer: ReturnType<typeof setTimeout> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  /** `socket` is not connected yet; the feed owns it from here on. */
  constructor(socket: Socket, options: TaskFeedOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#lastSeq = options.afterSeq;
    socket.on('connect', () => {
      this.#ask();
    });
    socket.on('event', (event: TaskEvent) => {
      this.#receive(event);
    });
    socket.on('connect_error', (error: Error & { data?: { code?: unknown } }) => {
      this.#refused(error);
    });
    socket.on('disconnect', (reason) => {
      this.#disconnected(reason);
    });
    this.#startGivingUp();
    socket.connect();
  }

  /** The next event; null when there will be none. Rejects with what `fail` was given. One caller at a time. */
  async next(): Promise<TaskEvent | null> {
    for (;;) {
      const event = this.#queue.shift();
      if (event !== undefined) return event;
      if (this.#failure !== null) throw this.#failure.reason;
      if (this.#endSeq !== null && this.#lastSeq >= this.#endSeq) return null;
      this.#resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Ends the feed: `next` rejects with `reason` once the queue is empty. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.close();
    this.#wakeReader();
  }

  close(): void {
    clearTimeout(this.#giveUpTimer);
    clearTimeout(this.#retryTimer);
    this.#socket.off();
    this.#socket.disconnect();
  }

  #ask(): void {
    this.#asking = true;
    const request = { taskId: this.#options.taskId, afterSeq: this.#lastSeq };
    this.#socket.timeout(ACK_TIMEOUT_MS).emit('watch', request, (error: Error | null, ack?: WatchAck) => {
      this.#asking = false;
      if (error === null && ack !== undefined) this.#answered(ack);
      else if (this.#socket.connected) this.#retrySoon();
    });
  }

  #answered(ack: WatchAck): void {
    if (ack.ok) {
      clearTimeout(this.#giveUpTimer);
      this.#options.onConnection?.(true);
      if (this.#options.untilEnd && ENDED.has(ack.status)) this.#endSeq = ack.lastSeq;
      this.#wakeReader();
    } else if (isPassing(ack.code)) {
      this.#retrySoon();
    } else {
      this.fail(new SwarmbidError(ack.code, `the task ${this.#options.taskId} cannot be watched: ${ack.code}`));
    }
  }

  #receive(event: TaskEvent): void {
    if (event.taskId !== this.#options.taskId || event.seq <= this.#lastSeq) return;
    if (event.seq > this.#lastSeq + 1) {
      if (!this.#asking) this.#ask();
      return;
    }
    this.#lastSeq = event.seq;
    this.#queue.push(event);
    this.#wakeReader();
    if (this.#queue.length >= QUEUE_LIMIT) this.#pause();
  }

  /** Without `active`, the server itself has refused, and socket.io does not try again. */
  #refused(error: Error & { data?: { code?: unknown } }): void {
    this.#options.onConnection?.(false);
    if (this.#socket.active) return;
    const code = refusalCode(error);
    if (isPassing(code)) this.#retrySoon();
    else this.fail(new SwarmbidError(code, `the live feed refused the connection: ${code}`, { cause: error }));
  }

  #disconnected(reason: string): void {
    if (this.#paused || reason === 'io client disconnect') return;
    this.#options.onConnection?.(false);
    this.#startGivingUp();
    if (reason === 'io server disconnect') this.#retrySoon();
  }

  #startGivingUp(): void {
    clearTimeout(this.#giveUpTimer);
    const { giveUpAfterMs } = this.#options;
    if (giveUpAfterMs === Infinity) return;
    this.#giveUpTimer = setTimeout(() => {
      this.fail(new SwarmbidError('UNREACHABLE', `the live feed could not be reached for ${giveUpAfterMs} ms`));
    }, giveUpAfterMs);
  }

  #retrySoon(): void {
    this.#socket.disconnect();
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      this.#socket.connect();
    }, RETRY_MS);
  }

  #pause(): void {
    this.#paused = true;
    clearTimeout(this.#giveUpTimer);
    this.#socket.disconnect();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#startGivingUp();
    this.#socket.connect();
  }

  #wakeReader(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
