/**
 * How much a connection has waiting to be sent. socket.io buffers for a slow reader without a bound (300 MB emitted were 325 MB
 * of memory), so whoever sends asks here first.
 *
 * engine.io hands all that waits to the transport at once, when the transport has sent what it was handed before (`flush`).
 * What waits is therefore counted up with each packet and becomes nothing at a flush; what is under way is at most
 * one such load.
 */
import type { Connection } from './live-types.ts';

/**
 * Of packets that wait; over it, a sender holds back. 50 readers that never read, with 10 MB to come for each, made the process
 * grow by 9 to 93 MiB, most of it garbage; with four times as much room by 139 to 147 (slow-watchers.test.ts, a busy machine).
 */
const ROOM_BYTES = 64 * 1024;
/** Over it the connection is cut at once: here is a sender that cannot hold back. */
const LIMIT_BYTES = 16 * 1024 * 1024;

export class SendBudget {
  readonly #connection: Connection;
  #waitingBytes = 0;
  #ticksStuck = 0;
  #flushedSinceTick = false;
  #onRoom: (() => void)[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.on('packetCreate', (packet: { data?: unknown }) => {
      this.#waitingBytes += sizeOf(packet.data);
      if (this.#waitingBytes > LIMIT_BYTES) this.cut();
    });
    connection.on('flush', () => {
      this.#flushed();
    });
  }

  hasRoom(): boolean {
    return this.#waitingBytes <= ROOM_BYTES;
  }

  /** Calls `listener` once, after what waits has gone out. */
  whenRoom(listener: () => void): void {
    this.#onRoom.push(listener);
  }

  /** How many calls in a row have found no room and nothing sent since the call before: slow is well, stuck is not. */
  tick(): number {
    this.#ticksStuck = this.hasRoom() || this.#flushedSinceTick ? 0 : this.#ticksStuck + 1;
    this.#flushedSinceTick = false;
    return this.#ticksStuck;
  }

  /** Ends the connection without waiting for what is unsent; a client that lives connects again and goes on by `seq`. */
  cut(): void {
    this.#onRoom = [];
    this.#connection.close(true);
  }

  #flushed(): void {
    this.#waitingBytes = 0;
    this.#flushedSinceTick = true;
    if (this.#onRoom.length === 0) return;
    const listeners = this.#onRoom;
    this.#onRoom = [];
    // not inside the flush itself: listeners send
    queueMicrotask(() => {
      for (const listener of listeners) listener();
    });
  }
}

function sizeOf(data: unknown): number {
  if (typeof data === 'string') return data.length;
  return ArrayBuffer.isView(data) ? data.byteLength : 0;
}
