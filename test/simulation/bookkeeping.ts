import { planFold } from '../../src/reputation/core/fold-plan.ts';
import { takeOne } from './pick.ts';
import type { Fate, LedgerRow } from './rows.ts';
import type { SimWorld } from './world.ts';

/** The fold of one orchestrator process: entries become reputations, and are told. */
export class SimBookkeeping {
  private readonly world: SimWorld;
  private readonly unfolded: LedgerRow[][] = [];
  private readonly untold: LedgerRow[][] = [];

  constructor(world: SimWorld) {
    this.world = world;
  }

  kill(): void {
    this.unfolded.length = 0;
    this.untold.length = 0;
  }

  /** The fold, in two halves where its lock is broken; else nothing can come in between. */
  fold(fate: Fate): boolean {
    const { store, breaks } = this.world;
    const waiting = store.ledger.filter((row) => row.foldSeq === null).sort((a, b) => (a.agentId < b.agentId ? -1 : 1));
    if (breaks.has('fold lock')) {
      if (this.unfolded.length === 0 && waiting.length > 0) return this.unfolded.push(waiting) > 0;
      const read = this.unfolded.shift();
      return read !== undefined && this.applyFold(read);
    }
    if (waiting.length === 0) return false;
    return fate === 'error' || this.applyFold(waiting);
  }

  private applyFold(entries: readonly LedgerRow[]): boolean {
    const { store } = this.world;
    const plan = planFold(entries, store.reputation);
    for (const { id, before, after } of plan.applied) {
      const row = store.ledger[id]!;
      Object.assign(row, { before, after, foldSeq: this.world.nextFoldSeq() });
    }
    for (const { id, reputation } of plan.agents) store.reputation.set(id, reputation);
    return true;
  }

  /** Reads which changes of reputation are untold. */
  readUntold(): boolean {
    const untold = this.world.store.ledger.filter((row) => row.foldSeq !== null && !row.told);
    if (untold.length === 0 || this.untold.length >= 2) return false;
    return this.untold.push(untold) > 0;
  }

  tell(pick: number, fate: Fate): boolean {
    const untold = takeOne(this.untold, pick);
    if (untold === undefined) return false;
    this.world.commit(fate, [...new Set(untold.map((row) => row.taskId))], () => {
      const fresh = this.world.breaks.has('told once') ? untold : untold.filter((row) => !row.told);
      for (const row of fresh) row.told = true;
      return {
        commands: fresh.map(({ taskId, agentId, before, after, delta, subtaskId, effectKey }) => ({
          taskId,
          command: { kind: 'record_reputation', change: { agentId, before, after, delta, subtaskId, effectKey } },
        })),
      };
    });
    return true;
  }
}
