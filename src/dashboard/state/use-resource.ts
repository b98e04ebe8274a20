import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { SwarmbidError, type SwarmbidClient } from '../../sdk/index.ts';
import { client, report } from './session.ts';

export interface Resource<Value> {
  /** What was read last, also while it is read anew or could not be. */
  value: Value | undefined;
  error: unknown;
  loading: boolean;
  reload: () => Promise<void>;
  /** In place of another reading, where an action has answered with the new value. */
  put: (value: Value) => void;
}

type Load<Value> = (client: SwarmbidClient, signal: AbortSignal) => Promise<Value>;

/** Failures that say nothing of what was asked, so that it is asked again soon. */
const PASSING: ReadonlySet<string> = new Set(['UNREACHABLE', 'UNAVAILABLE', 'OVERLOADED', 'RATE_LIMITED']);
const RETRY_MS = 2_000;

/**
 * Reads with the session's key: at once, when `keys` change, on `reload`, and again by itself after a failure that may pass.
 * An answer that came too late is dropped.
 */
export function useResource<Value>(load: Load<Value>, keys: readonly unknown[]): Resource<Value> {
  const [state, setState] = useState<{ value: Value | undefined; error: unknown; loading: boolean }>({
    value: undefined,
    error: undefined,
    loading: true,
  });
  const latest = useRef(load);
  latest.current = load;
  const abort = useRef<AbortController | null>(null);
  const used = client.value;
  const reload = useCallback(async () => {
    abort.current?.abort();
    const mine = new AbortController();
    abort.current = mine;
    setState((before) => ({ ...before, loading: true }));
    try {
      const value = await latest.current(used, mine.signal);
      if (!mine.signal.aborted) setState({ value, error: undefined, loading: false });
    } catch (error) {
      if (mine.signal.aborted || report(error)) return;
      setState((before) => ({ ...before, error, loading: false }));
    }
  }, [used]);
  useEffect(() => {
    setState({ value: undefined, error: undefined, loading: true });
    void reload();
    return () => abort.current?.abort();
  }, [reload, ...keys]);
  useEffect(() => {
    const { error } = state;
    if (!(error instanceof SwarmbidError) || !PASSING.has(error.code)) return undefined;
    const timer = setTimeout(() => void reload(), error.retryAfterMs ?? RETRY_MS);
    return () => clearTimeout(timer);
  }, [state.error, reload]);
  const put = useCallback((value: Value) => setState({ value, error: undefined, loading: false }), []);
  return { ...state, reload, put };
}
