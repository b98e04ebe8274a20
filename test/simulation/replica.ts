import { subtaskJobId, workQueue } from '../../src/bus/names.ts';
import type { Announcement, BidOffer, Pass, PoolReply } from '../../src/contracts/bid.ts';
import { mustFence } from '../../src/agents/core/lease.ts';
import { assessSelf } from '../../src/agents/core/self-assessment.ts';
import { attemptKey } from '../../src/orchestrator/core/attempts.ts';
import { oneOf, takeOne } from './pick.ts';
import type { AttemptId, Fate, Report, Value } from './rows.ts';
import { LEASE_MS } from './store.ts';
import type { SimAgent, SimWorld } from './world.ts';

interface Running extends AttemptId {
  agentId: string;
}

/** One process of a pool. Killed, it comes back under another id; paused, it finds the world changed when it goes on. */
export class SimReplica {
  readonly pool: string;
  id: string;
  paused = false;
  private readonly world: SimWorld;
  private readonly agents: readonly SimAgent[];
  private readonly running = new Map<string, Running>();
  /** Jobs that it has taken and not claimed yet, or does not know whether it has. */
  private readonly claims: { jobId: string; attempt: AttemptId }[] = [];
  private readonly reports: Report[] = [];
  private lastBeatMs: number;
  private lives = 0;

  constructor(world: SimWorld, pool: string, agents: readonly SimAgent[]) {
    this.world = world;
    this.pool = pool;
    this.agents = agents;
    this.id = `${pool}-${world.replicas.length}-0`;
    this.lastBeatMs = world.store.nowMs;
    this.beat('ok');
  }

  holds(jobId: string): boolean {
    const work = [...this.running.values(), ...this.reports];
    return (
      this.claims.some((one) => one.jobId === jobId) ||
      work.some((one) => subtaskJobId(one.subtaskId, one.epoch) === jobId)
    );
  }

  kill(): void {
    this.lives += 1;
    this.id = `${this.id.slice(0, this.id.lastIndexOf('-'))}-${this.lives}`;
    this.running.clear();
    this.claims.length = 0;
    this.reports.length = 0;
    this.paused = false;
    this.lastBeatMs = this.world.store.nowMs;
  }

  /** One reply for all its agents; null while it is paused. */
  answer(announcements: readonly Announcement[]): PoolReply[] | null {
    if (this.paused) return null;
    return announcements.map(({ taskId, subtaskId, round, requiredSkills }) => {
      const bids: BidOffer[] = [];
      const passes: Pass[] = [];
      for (const { id: agentId, skills, capacity } of this.agents) {
        const busy = [...this.running.values()].filter((one) => one.agentId === agentId).length;
        const self = { loadPercent: (100 * busy) / capacity, healthy: true };
        const judged = assessSelf({ skills, domains: [] }, { requiredSkills }, self);
        if (judged.bid) bids.push({ agentId, loadPercent: self.loadPercent });
        else passes.push({ agentId, reason: judged.reason ?? 'DECLINED' });
      }
      return { taskId, ...(subtaskId === undefined ? {} : { subtaskId }), round, bids, passes, passCounts: {} };
    });
  }

  /** Takes a job of its pool's queue: a hint, until it has been claimed. */
  takeJob(pick: number): boolean {
    const job = this.paused ? undefined : oneOf(this.world.queue.waiting(workQueue(this.pool)), pick);
    if (job?.data.kind !== 'subtask') return false;
    this.world.queue.take(job.jobId);
    this.claims.push({ jobId: job.jobId, attempt: job.data });
    return true;
  }

  /** An answer that does not come leaves the claim to be made again. */
  claim(pick: number, fate: Fate): boolean {
    const index = pick % Math.max(1, this.claims.length);
    const pending = this.paused ? undefined : this.claims[index];
    if (pending === undefined) return false;
    if (!this.world.reaches(fate)) return true;
    const { subtaskId, epoch } = pending.attempt;
    const key = attemptKey(subtaskId, epoch);
    const row = this.running.has(key) ? null : this.world.store.claim(pending.attempt, this.id);
    if (fate === 'unknown') return true;
    this.claims.splice(index, 1);
    if (row === null) this.world.queue.end(pending.jobId);
    else this.running.set(key, { subtaskId, epoch, agentId: row.agentId });
    return true;
  }

  sayProgress(pick: number): boolean {
    const attempt = this.paused ? undefined : oneOf([...this.running.values()], pick);
    if (attempt === undefined || !this.world.reaches('ok')) return false;
    this.world.store.progress(attempt, pick % 101);
    return true;
  }

  /** An agent's work ends; it is reported by another statement. */
  endWork(pick: number, outcome: Report['outcome'], value: Omit<Value, 'text'>): boolean {
    const attempt = this.paused ? undefined : oneOf([...this.running.values()], pick);
    if (attempt === undefined) return false;
    const { subtaskId, epoch } = attempt;
    this.running.delete(attemptKey(subtaskId, epoch));
    const text = `${subtaskId}:${epoch} by ${this.id}, number ${this.world.nextValue()}`;
    const delivered = outcome === 'delivered' ? { ...value, text } : null;
    this.reports.push({ subtaskId, epoch, replicaId: this.id, outcome, value: delivered });
    return true;
  }

  report(pick: number, fate: Fate): boolean {
    const index = pick % Math.max(1, this.reports.length);
    const report = this.paused ? undefined : this.reports[index];
    if (report === undefined) return false;
    if (!this.world.reaches(fate)) return true;
    this.world.store.report(report);
    if (fate === 'unknown') return true;
    takeOne(this.reports, index);
    this.world.queue.end(subtaskJobId(report.subtaskId, report.epoch));
    return true;
  }

  beat(fate: Fate): boolean {
    if (this.paused) return false;
    if (!this.world.reaches(fate)) return true;
    const { store } = this.world;
    const closed = store.heartbeat(this, [...this.running.values()]);
    if (fate === 'unknown') return true;
    this.lastBeatMs = store.nowMs;
    this.revoke(closed);
    return true;
  }

  /** Its agents obey their signals; what they would say of such an attempt is a failure that counts no more. */
  revoke(attempts: readonly AttemptId[]): void {
    if (this.paused) return;
    for (const { subtaskId, epoch } of attempts) {
      if (!this.running.delete(attemptKey(subtaskId, epoch))) continue;
      this.reports.push({ subtaskId, epoch, replicaId: this.id, outcome: 'failed', value: null });
    }
  }

  /** It looks at its own clock now and then, also while the store does not answer. */
  checkFence(): void {
    const { store } = this.world;
    if (this.paused || !mustFence(store.nowMs - this.lastBeatMs, LEASE_MS)) return;
    for (const attempt of this.running.values()) if (this.world.reaches('ok')) store.handBack(attempt, this.id);
    this.running.clear();
  }
}
