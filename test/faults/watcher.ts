import { io, type Socket } from 'socket.io-client';
import type { TaskEvent, WatchAck } from '../../src/contracts/events.ts';
import type { History } from './history.ts';

const ACK_TIMEOUT_MS = 5_000;
const RETRY_MS = 300;

/** A client of the live feed that takes nothing on trust: on one connection each `seq` must follow the one before. */
export class Watcher {
  readonly #socket: Socket;
  readonly #history: History;
  /** The last `seq` of each task. */
  readonly #lastSeq = new Map<string, number>();
  /** Of watches that the server has not confirmed, the last question: what comes before its answer belongs to an earlier one. */
  readonly #unconfirmed = new Map<string, symbol>();

  constructor(url: string, token: string, history: History) {
    this.#history = history;
    this.#socket = io(`${url}/tasks`, {
      auth: { token },
      forceNew: true,
      transports: ['websocket'],
      reconnectionDelay: 100,
      reconnectionDelayMax: 1_000,
    });
    this.#socket.on('connect', () => {
      for (const taskId of this.#lastSeq.keys()) this.#ask(taskId);
    });
    this.#socket.on('disconnect', (reason) => {
      if (reason === 'io server disconnect') setTimeout(() => this.#socket.connect(), RETRY_MS);
    });
    this.#socket.on('connect_error', () => {
      if (!this.#socket.active) setTimeout(() => this.#socket.connect(), RETRY_MS);
    });
    this.#socket.on('event', (event: TaskEvent) => this.#take(event));
  }

  watch(taskId: string): void {
    this.#lastSeq.set(taskId, 0);
    if (this.#socket.connected) this.#ask(taskId);
  }

  /** True when it has seen the events of every task it watches, as far as `lastSeqs` says they go. */
  hasAll(lastSeqs: ReadonlyMap<string, number>): boolean {
    return [...this.#lastSeq].every(([taskId, seq]) => seq >= (lastSeqs.get(taskId) ?? 0));
  }

  close(): void {
    this.#socket.disconnect();
  }

  #ask(taskId: string): void {
    const question = Symbol(taskId);
    this.#unconfirmed.set(taskId, question);
    const request = { taskId, afterSeq: this.#lastSeq.get(taskId) ?? 0 };
    this.#socket.timeout(ACK_TIMEOUT_MS).emit('watch', request, (error: Error | null, ack?: WatchAck) => {
      if (this.#unconfirmed.get(taskId) !== question) return;
      if (error === null && ack?.ok === true) {
        this.#unconfirmed.delete(taskId);
        return;
      }
      if (this.#socket.connected) setTimeout(() => this.#askAgain(taskId, question), RETRY_MS);
    });
  }

  #askAgain(taskId: string, question: symbol): void {
    if (this.#socket.connected && this.#unconfirmed.get(taskId) === question) this.#ask(taskId);
  }

  #take(event: TaskEvent): void {
    const lastSeq = this.#lastSeq.get(event.taskId);
    if (lastSeq === undefined) {
      this.#history.violation(`a watcher received an event of ${event.taskId}, which it does not watch`);
      return;
    }
    // Of a watch asked for anew: what is still under way from before it.
    if (this.#unconfirmed.has(event.taskId)) return;
    this.#history.event(event, lastSeq);
    if (event.seq === lastSeq + 1) this.#lastSeq.set(event.taskId, event.seq);
  }
}
