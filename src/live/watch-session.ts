import { z } from 'zod';
import { watchRequestSchema, type WatchAck } from '../contracts/events.ts';
import { MarketError } from '../contracts/errors.ts';
import { taskIdSchema } from '../contracts/primitives.ts';
import type { TaskService } from '../contracts/services.ts';
import type { Logger } from '../observability/logger.ts';
import { codeFor } from './admission.ts';
import type { Feed, Watch } from './feed.ts';
import type { LiveSocket } from './live-types.ts';
import type { SendBudget } from './send-budget.ts';

const MAX_WATCHES = 1_000;
/** Commands of one socket that may wait for their turn: enough to watch all anew after a broken connection. */
const MAX_WAITING = 2 * MAX_WATCHES;

const unwatchRequestSchema = z.strictObject({ taskId: z.string().max(64) });

export interface WatchSessionDeps {
  tasks: Pick<TaskService, 'position'>;
  feed: Feed;
  budget: SendBudget;
  logger: Logger;
}

type Acknowledge = (answer: WatchAck | { ok: true }) => void;

/**
 * One socket in `/tasks`: its watches. Commands are carried out one after another, in the order sent, so an `unwatch` finds
 * what the `watch` before it made, and a socket never has more than one question before the store.
 */
export class WatchSession {
  readonly #socket: LiveSocket;
  readonly #deps: WatchSessionDeps;
  readonly #watches = new Map<string, Watch>();
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(socket: LiveSocket, deps: WatchSessionDeps) {
    this.#socket = socket;
    this.#deps = deps;
    socket.on('watch', (...received) => {
      const acknowledge = acknowledgeOf(received);
      // without somebody to tell whether the task may be watched, there is nobody to send events to
      if (acknowledge !== null) this.#queue(acknowledge, () => this.#watch(received[0], acknowledge));
    });
    socket.on('unwatch', (...received) => {
      const acknowledge = acknowledgeOf(received) ?? ignore;
      this.#queue(acknowledge, () => this.#unwatch(received[0], acknowledge));
    });
    socket.on('disconnect', () => {
      this.#stopAll();
    });
  }

  #queue(acknowledge: Acknowledge, command: () => Promise<void>): void {
    if (this.#waiting >= MAX_WAITING) {
      acknowledge({ ok: false, code: 'RATE_LIMITED' });
      return;
    }
    this.#waiting += 1;
    this.#turn = this.#turn
      .then(() => (this.#socket.connected ? command() : undefined))
      .catch((error: unknown) => {
        acknowledge({ ok: false, code: codeFor(error, this.#deps.logger) });
      })
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  async #watch(payload: unknown, acknowledge: Acknowledge): Promise<void> {
    const { taskId, afterSeq } = parse(watchRequestSchema, payload);
    const id = taskId.toLowerCase();
    if (!taskIdSchema.safeParse(id).success) throw new MarketError('NOT_FOUND', 'Nothing has this id.');
    if (this.#watches.size >= MAX_WATCHES && !this.#watches.has(id)) {
      throw new MarketError('RATE_LIMITED', `A connection may watch ${MAX_WATCHES} tasks.`);
    }
    const { status, lastSeq } = await this.#deps.tasks.position(this.#socket.data.principal, id);
    if ((afterSeq ?? 0) > lastSeq)
      throw new MarketError('INVALID_REQUEST', `The task has ${lastSeq} events; afterSeq names one beyond.`);
    if (!this.#socket.connected) return;
    this.#watches.get(id)?.stop();
    acknowledge({ ok: true, status, lastSeq });
    this.#watches.set(id, this.#begin(id, afterSeq ?? 0));
  }

  #begin(taskId: string, afterSeq: number): Watch {
    const { budget, feed } = this.#deps;
    const watch = feed.watch(taskId, afterSeq, (event) => {
      this.#socket.emit('event', event);
      if (budget.hasRoom()) return true;
      budget.whenRoom(() => {
        watch.resume();
      });
      return false;
    });
    return watch;
  }

  async #unwatch(payload: unknown, acknowledge: Acknowledge): Promise<void> {
    const id = parse(unwatchRequestSchema, payload).taskId.toLowerCase();
    this.#watches.get(id)?.stop();
    this.#watches.delete(id);
    acknowledge({ ok: true });
  }

  #stopAll(): void {
    for (const watch of this.#watches.values()) watch.stop();
    this.#watches.clear();
  }
}

function parse<Value>(schema: z.ZodType<Value>, payload: unknown): Value {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return parsed.data;
  throw new MarketError('INVALID_REQUEST', 'The payload is not as it should be.');
}

function acknowledgeOf(received: readonly unknown[]): Acknowledge | null {
  const last = received.at(-1);
  return typeof last === 'function' ? (last as Acknowledge) : null;
}

function ignore(): void {
  // an unwatch need not be answered
}
