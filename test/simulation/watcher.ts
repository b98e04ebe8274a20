import { placeOf } from '../../src/live/feed-order.ts';
import type { SimWorld } from './world.ts';

const PAGE = 4;

/** Somebody who watches a task: given each event once, in order, from the position that it names. */
export class SimWatcher {
  readonly taskId: string;
  readonly given: number[] = [];
  private readonly world: SimWorld;
  private readonly pages: number[][] = [];
  private hinted = true;

  constructor(world: SimWorld, taskId: string) {
    this.world = world;
    this.taskId = taskId;
  }

  hint(): void {
    this.hinted = true;
  }

  /** A read begins; its page is given by another step. Several may be under way, as after a reconnect. */
  read(): boolean {
    if (this.pages.length >= 2 || !this.world.reaches('ok')) return false;
    if (this.world.breaks.has('net of the feed') && !this.hinted) return false;
    const { events } = this.world.store.tasks.get(this.taskId)!;
    const page = events.filter((event) => event.seq > this.sentSeq()).slice(0, PAGE);
    this.hinted = page.length === PAGE;
    if (page.length === 0) return false;
    return this.pages.push(page.map((event) => event.seq)) > 0;
  }

  give(): boolean {
    const page = this.pages.shift();
    if (page === undefined) return false;
    for (const seq of page) {
      const place = placeOf(seq, this.sentSeq());
      if (place === 'next' || this.world.breaks.has('order of the feed')) this.given.push(seq);
    }
    return true;
  }

  /** Its connection breaks: what was under way is lost, and it comes back with the position that it has. */
  reconnect(): void {
    this.pages.length = 0;
    this.hinted = true;
  }

  sentSeq(): number {
    return this.given.at(-1) ?? 0;
  }
}
