/** So long a silent process is not waited for: a dead one then costs one window in so many. */
export const SILENCE_MS = 2_000;

/**
 * Which pool processes a round waits for. One that let a window pass is not waited for over the next `SILENCE_MS`, or until it
 * answers something: a single late reply does not cost a pool that is well the next rounds.
 */
export class Patience {
  private readonly silentUntilMs = new Map<string, number>();

  /** Those of `live` that a round which begins now waits for. */
  awaited(live: readonly string[], nowMs: number): Set<string> {
    for (const [replicaId, untilMs] of this.silentUntilMs) {
      if (untilMs <= nowMs) this.silentUntilMs.delete(replicaId);
    }
    return new Set(live.filter((replicaId) => !this.silentUntilMs.has(replicaId)));
  }

  heard(replicaId: string): void {
    this.silentUntilMs.delete(replicaId);
  }

  /** A window has closed without the last word of these. */
  missed(replicaIds: Iterable<string>, nowMs: number): void {
    for (const replicaId of replicaIds) this.silentUntilMs.set(replicaId, nowMs + SILENCE_MS);
  }
}
