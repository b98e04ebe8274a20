import type { Announcement, PoolReply } from '../../src/contracts/bid.ts';
import {
  announcementOf,
  answersByRound,
  closeRoundCommand,
  roundKey,
  type Opening,
} from '../../src/orchestrator/core/closing.ts';
import { createAwardPolicies } from '../../src/reputation/core/award-policies.ts';
import { oneOf, takeOne } from './pick.ts';
import type { Fate } from './rows.ts';
import type { PlannedCommand } from './store.ts';
import type { SimWorld } from './world.ts';

const WINDOW_MS = 500;
const HOLD_MS = WINDOW_MS + 5_000;
const MAX_BATCH = 3;
const policy = createAwardPolicies().get('weighted')!;

interface OpenRound {
  opening: Opening;
  announcement: Announcement;
}

interface Pass {
  rounds: OpenRound[];
  replies: { pool: string; replicaId: string; answers: PoolReply[] }[];
  /** The end of the bid window. */
  closesMs: number;
}

/** The auction of one orchestrator process. */
export class SimAuction {
  private readonly world: SimWorld;
  private readonly passes: Pass[] = [];

  constructor(world: SimWorld) {
    this.world = world;
  }

  kill(): void {
    this.passes.length = 0;
  }

  /** Takes due openings, writes a round for each and announces them. */
  begin(fate: Fate, freed: boolean): boolean {
    const { store } = this.world;
    const due = [...store.openings.values()].filter((one) => one.dueMs <= store.nowMs || (freed && one.parked));
    if (due.length === 0) return false;
    const taken = due.slice(0, MAX_BATCH).map((row) => {
      const held = this.world.breaks.has('openings come back') ? Infinity : store.nowMs + HOLD_MS;
      Object.assign(row, { dueMs: held, parked: false, tries: row.tries + 1 });
      const sinceMs = row.incapableSinceMs === null ? 0 : store.nowMs - row.incapableSinceMs;
      return { ...row, incapableMs: row.incapableMs + sinceMs };
    });
    const rounds: OpenRound[] = [];
    const announced = this.world.commit(
      fate,
      taken.map((one) => one.taskId),
      (locked) => ({
        commands: taken.flatMap((opening): PlannedCommand[] => {
          const task = locked.get(opening.taskId)?.task;
          if (task === undefined) return [];
          const onDecided = (accepted: boolean) => {
            const earlier = rounds.filter((round) => round.opening.taskId === opening.taskId).length;
            if (accepted) rounds.push({ opening, announcement: announcementOf(task, opening, earlier + 1) });
          };
          return [{ taskId: opening.taskId, command: { kind: 'announce', ord: opening.ord }, onDecided }];
        }),
      }),
    );
    if (announced && rounds.length > 0) this.announce({ rounds, replies: [], closesMs: store.nowMs + WINDOW_MS });
    return true;
  }

  private announce(pass: Pass): void {
    this.passes.push(pass);
    const announcements = pass.rounds.map((round) => round.announcement);
    for (const replica of this.world.replicas) {
      this.world.send(() => {
        const answers = replica.answer(announcements);
        if (answers !== null)
          this.world.send(() => pass.replies.push({ pool: replica.pool, replicaId: replica.id, answers }));
      });
    }
  }

  /** The bids are in, or the window has closed. */
  close(pick: number, fate: Fate): boolean {
    const ready = oneOf(this.passes, pick);
    if (ready === undefined) return false;
    const answered = new Set(ready.replies.map((reply) => reply.replicaId)).size >= this.world.replicas.length;
    if (!answered && this.world.store.nowMs < ready.closesMs) return false;
    const pass = takeOne(this.passes, pick)!;
    const answers = answersByRound(pass.replies);
    const { store } = this.world;
    this.world.commit(
      fate,
      pass.rounds.map((round) => round.opening.taskId),
      (locked) => {
        const agents = this.world.knownAgents();
        return {
          commands: pass.rounds.flatMap(({ opening, announcement }): PlannedCommand[] => {
            const task = locked.get(opening.taskId)?.task;
            if (task === undefined) return [];
            const replies = answers.get(roundKey(announcement)) ?? [];
            const context = { agents, activeAgents: this.world.activeFor(opening.skills), silentPools: [], policy };
            const command = closeRoundCommand(opening, announcement, task, replies, { ...context, now: store.now() });
            return [{ taskId: opening.taskId, command }];
          }),
        };
      },
    );
    return true;
  }
}
