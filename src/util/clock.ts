/** A source of the present instant. Pure code takes a `Date`; shells take a `Clock`. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** A clock that only moves when told to: for tests and simulations. */
export function manualClock(startAt: Date): Clock & { advance(ms: number): void } {
  let ms = startAt.getTime();
  return {
    now: () => new Date(ms),
    advance: (byMs) => {
      ms += byMs;
    },
  };
}
