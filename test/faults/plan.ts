import type { FaultKind } from './fault.ts';
import { messageFaults, poisonFaults } from './message-faults.ts';
import { ambiguousCommits, networkFaults } from './network-faults.ts';
import { freezeFaults, processFaults } from './process-faults.ts';
import { outageFaults, storeFaults } from './store-faults.ts';

/** A part of a run: faults of some kinds in one shuffled order, then healing, then the checks. */
export interface Chapter {
  name: string;
  /** With how often each is inflicted. */
  faults: { kind: FaultKind; times: number }[];
}

/** `short` is part of `npm test`: one seed, at least 60 kills, three minutes. `full` has the amounts of a release. */
export type Size = 'short' | 'tenth' | 'full';

const SHARE: Record<Size, number> = { short: 0.01, tenth: 0.1, full: 1 };
const SHORT_SHARE_OF_KILLS = 0.04;

function times({ name, amount }: FaultKind, size: Size): number {
  const share = size === 'short' && name.startsWith('kill-') ? SHORT_SHARE_OF_KILLS : SHARE[size];
  return Math.ceil(amount * share);
}

/**
 * Some chapters kill no process of ours: kills hide clients that are wedged.
 * @param only parts of names; a kind whose name has none of them is left out
 */
export function planOf(size: Size, only: readonly string[]): Chapter[] {
  const outages = size === 'short' ? [] : outageFaults;
  const chapters = {
    processes: processFaults,
    stores: [...storeFaults, ...outages],
    network: [...networkFaults, ...ambiguousCommits],
    messages: [...messageFaults, ...poisonFaults, ...freezeFaults],
  };
  return Object.entries(chapters)
    .map(([name, kinds]) => ({
      name,
      faults: kinds
        .filter((kind) => only.length === 0 || only.some((part) => kind.name.includes(part)))
        .map((kind) => ({ kind, times: times(kind, size) })),
    }))
    .filter((chapter) => chapter.faults.length > 0);
}
