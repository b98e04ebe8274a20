import type { Break } from './breaks.ts';
import type { Job } from './rows.ts';

type State = 'waiting' | 'active' | 'ended';

/** BullMQ on Redis: at least once, and forgetful. An id that it knows, in whatever state, is not added again. */
export class SimQueue {
  up = true;
  private readonly breaks: ReadonlySet<Break>;
  private readonly jobs = new Map<string, { job: Job; state: State }>();

  constructor(breaks: ReadonlySet<Break>) {
    this.breaks = breaks;
  }

  /** False if Redis does not answer. */
  add(job: Job): boolean {
    if (this.up && !this.jobs.has(job.jobId)) this.jobs.set(job.jobId, { job, state: 'waiting' });
    return this.up;
  }

  waiting(queue: string): Job[] {
    if (!this.up) return [];
    return [...this.jobs.values()].flatMap(({ job, state }) => (state === 'waiting' && job.queue === queue ? job : []));
  }

  take(jobId: string): void {
    this.set(jobId, 'active');
  }

  end(jobId: string): void {
    this.set(jobId, 'ended');
  }

  /** A job that failed is forgotten at once, so that it can be added again. */
  fail(jobId: string): void {
    if (this.breaks.has('failed jobs are forgotten')) this.end(jobId);
    else this.jobs.delete(jobId);
  }

  /** A worker's lock ran out: the job is handed out again, or counted as failed. */
  stall(jobId: string, again: boolean): void {
    if (this.jobs.get(jobId)?.state !== 'active') return;
    if (again) this.set(jobId, 'waiting');
    else this.fail(jobId);
  }

  activeIds(): string[] {
    return [...this.jobs].flatMap(([id, { state }]) => (state === 'active' ? id : []));
  }

  /** Ended jobs are kept for a while only. */
  forgetEnded(): void {
    for (const [id, { state }] of this.jobs) if (state === 'ended') this.jobs.delete(id);
  }

  flush(): void {
    this.jobs.clear();
  }

  private set(jobId: string, state: State): void {
    const known = this.jobs.get(jobId);
    if (known !== undefined) known.state = state;
  }
}
