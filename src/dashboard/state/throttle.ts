export interface Throttled {
  ask: () => void;
  cancel: () => void;
}

/** Calls `act` soon after it was asked for, once for all that asked meanwhile, and never twice at the same time. */
export function throttled(act: () => Promise<unknown>, afterMs: number): Throttled {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let state: 'idle' | 'running' | 'asked again' | 'cancelled' = 'idle';
  const run = () => {
    timer = undefined;
    state = 'running';
    act().then(finished, finished);
  };
  const finished = () => {
    if (state === 'cancelled') return;
    const again = state === 'asked again';
    state = 'idle';
    if (again) ask();
  };
  const ask = () => {
    if (state === 'running') state = 'asked again';
    else if (state === 'idle') timer ??= setTimeout(run, afterMs);
  };
  return {
    ask,
    cancel: () => {
      state = 'cancelled';
      clearTimeout(timer);
    },
  };
}
