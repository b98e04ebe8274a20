/**
 * A market in simulated time: orchestrators, pool processes, submitters and watchers on one store, one queue and one bus,
 * all of which misbehave. Nothing happens by itself: each step is somebody's next statement or message, chosen from outside.
 */
import type { TaskSpec } from '../../src/contracts/task.ts';
import type { LockedTask } from '../../src/orchestrator/core/attempts.ts';
import type { KnownAgent } from '../../src/orchestrator/core/eligibility.ts';
import type { Candidate } from '../../src/orchestrator/core/team-formation.ts';
import { START_REPUTATION } from '../../src/reputation/core/ledger-rules.ts';
import { START } from '../support/task-fixtures.ts';
import type { Break } from './breaks.ts';
import { SimOrchestrator } from './orchestrator.ts';
import { SimQueue } from './queue.ts';
import { SimReplica } from './replica.ts';
import type { Fate, Step } from './rows.ts';
import { SimStore, type Plan } from './store.ts';
import { SimWatcher } from './watcher.ts';

export interface SimAgent {
  id: string;
  pool: string;
  skills: string[];
  capacity: number;
  status: KnownAgent['status'];
}

/** More than these are not under way at once: the oldest is lost. */
const MOST_MESSAGES = 32;

export interface Order {
  key: string;
  spec: TaskSpec;
  deadlineInMs: number | null;
}

export interface Setup {
  orders: Order[];
  agents: Omit<SimAgent, 'status'>[];
  /** Processes of each pool. */
  replicas: number;
  orchestrators: number;
  breaks: ReadonlySet<Break>;
}

export class SimWorld {
  readonly store: SimStore;
  readonly queue: SimQueue;
  /** Messages under way. Delivering one is calling it; any may be called twice, late, or never. */
  readonly bus: (() => void)[] = [];
  readonly orchestrators: SimOrchestrator[] = [];
  readonly replicas: SimReplica[] = [];
  readonly watchers: SimWatcher[] = [];
  readonly agents: SimAgent[];
  readonly orders: Order[];
  /** What submitters were told: the task of each key. */
  readonly acknowledged = new Map<string, string>();
  readonly breaks: ReadonlySet<Break>;
  storeUp = true;
  private foldSeq = 0;
  private values = 0;

  constructor(setup: Setup, onStep: (step: Step, world: SimWorld) => void) {
    this.breaks = setup.breaks;
    this.queue = new SimQueue(setup.breaks);
    this.orders = setup.orders;
    this.agents = setup.agents.map((agent) => ({ ...agent, status: 'active' }));
    this.store = new SimStore(START.getTime(), setup.breaks, (step) => onStep(step, this));
    for (let i = 0; i < setup.orchestrators; i += 1) this.orchestrators.push(new SimOrchestrator(this));
    for (const pool of new Set(this.agents.map((agent) => agent.pool))) {
      const served = this.agents.filter((agent) => agent.pool === pool);
      for (let i = 0; i < setup.replicas; i += 1) this.replicas.push(new SimReplica(this, pool, served));
    }
  }

  send(message: () => void): void {
    if (this.bus.push(message) > MOST_MESSAGES) this.bus.shift();
  }

  /** Whether a statement of this fate is carried out. */
  reaches(fate: Fate): boolean {
    return this.storeUp && fate !== 'error';
  }

  /** A transaction of an orchestrator, and what it says to others after its commit. True if it knows that it committed. */
  commit(
    fate: Fate,
    taskIds: readonly string[],
    plan: (locked: ReadonlyMap<string, LockedTask>) => Plan,
    stale?: ReadonlyMap<string, LockedTask>,
  ): boolean {
    if (!this.reaches(fate)) return false;
    this.store.transact(taskIds, plan, stale);
    if (fate === 'unknown') return false;
    const { revoked } = this.store;
    if (revoked.length > 0) for (const replica of this.replicas) this.send(() => replica.revoke(revoked));
    for (const watcher of this.watchers) {
      if (taskIds.includes(watcher.taskId)) this.send(() => watcher.hint());
    }
    return true;
  }

  /** A submission, or its repetition; `fate` is that of the answer too. */
  submit(pick: number, fate: Fate): boolean {
    const order = this.orders[pick % this.orders.length]!;
    if (!this.reaches(fate)) return true;
    const { key, spec, deadlineInMs } = order;
    const known = this.store.tasks.size;
    const id = this.store.submit(key, spec, deadlineInMs === null ? null : this.store.nowMs + deadlineInMs);
    if (this.store.tasks.size > known) this.watchers.push(new SimWatcher(this, id));
    if (fate === 'ok') this.acknowledged.set(key, id);
    return true;
  }

  /** All bidders as the market's records say, under the lock of their rows. */
  knownAgents(): Map<string, KnownAgent> {
    const live = this.store.liveReplicas();
    return new Map(
      this.agents.map(({ id, pool, skills, status, capacity }) => {
        const slots = capacity * live.filter((replica) => replica.pool === pool).length;
        const reputation = this.store.reputation.get(id) ?? START_REPUTATION;
        const reservedSlots = this.store.reserved(id);
        return [id, { id, pool, skills, domains: [], status, reputation, reservedSlots, slots }];
      }),
    );
  }

  activeFor(skills: readonly string[]): Candidate[] {
    return this.agents
      .filter((one) => one.status === 'active')
      .filter((one) => skills.length === 0 || one.skills.some((skill) => skills.includes(skill)))
      .map((one) => ({ agentId: one.id, skills: one.skills }));
  }

  advance(ms: number): void {
    this.store.nowMs += ms;
    for (const replica of this.replicas) replica.checkFence();
  }

  nextFoldSeq(): number {
    return (this.foldSeq += 1);
  }

  nextValue(): number {
    return (this.values += 1);
  }
}
