import { eventsMessageSchema, workMessageSchema, type WorkKind } from '../contracts/bus-messages.ts';
import type { EventHintListener, EventHints } from '../contracts/services.ts';
import type { EventBus } from '../bus/event-bus.ts';
import { channels } from '../bus/names.ts';
import type { Logger } from '../observability/logger.ts';

/**
 * Says after a commit that there is work or news. A hint, never a fact: whoever is woken reads the store, and each loop's
 * own period is the net under a hint that got lost.
 */
export class Wakeups implements EventHints {
  private readonly bus: EventBus;
  private readonly logger: Logger;
  private readonly workers = new Map<WorkKind, () => void>();
  private readonly eventListeners = new Set<EventHintListener>();
  private readonly unsent = new Map<string, number>();
  private sending = false;

  constructor(bus: EventBus, logger: Logger) {
    this.bus = bus;
    this.logger = logger;
  }

  async start(): Promise<void> {
    await this.bus.subscribe(channels.work, workMessageSchema, ({ kinds }) => {
      for (const kind of kinds) this.workers.get(kind)?.();
    });
    await this.bus.subscribe(channels.events, eventsMessageSchema, ({ lastSeq }) => {
      this.tellListeners(new Map(Object.entries(lastSeq)));
    });
    this.bus.onReconnect(() => {
      for (const wake of this.workers.values()) wake();
      this.tellListeners(new Map());
    });
  }

  /** The loop of this process for a kind of work. */
  onWork(kind: WorkKind, wake: () => void): void {
    this.workers.set(kind, wake);
  }

  onEvents(listener: EventHintListener): () => void {
    this.eventListeners.add(listener);
    return () => this.eventListeners.delete(listener);
  }

  /** Wakes this process's loop, or, where it has none, those of the orchestrators. */
  work(kinds: readonly WorkKind[]): void {
    const remote = kinds.filter((kind) => {
      const wake = this.workers.get(kind);
      wake?.();
      return wake === undefined;
    });
    if (remote.length > 0) this.publish(channels.work, { kinds: remote });
  }

  events(...[lastSeq, committed]: Parameters<EventHintListener>): void {
    if (lastSeq.size === 0) return;
    this.tellListeners(lastSeq, committed);
    for (const [taskId, seq] of lastSeq) this.unsent.set(taskId, seq);
    if (!this.sending) void this.sendEvents();
  }

  private async sendEvents(): Promise<void> {
    this.sending = true;
    while (this.unsent.size > 0) {
      const lastSeq = Object.fromEntries(this.unsent);
      this.unsent.clear();
      await this.bus.publish(channels.events, { lastSeq }).catch((error: unknown) => this.lost(error));
    }
    this.sending = false;
  }

  private tellListeners(...hint: Parameters<EventHintListener>): void {
    for (const listener of this.eventListeners) listener(...hint);
  }

  publish(channel: string, payload: unknown): void {
    this.bus.publish(channel, payload).catch((error: unknown) => this.lost(error));
  }

  private lost(error: unknown): void {
    this.logger.debug({ err: error }, 'a hint could not be sent; the periodic look-up will find the work');
  }
}
