import { useEffect, useState } from 'preact/hooks';
import { recentStats, subscribe } from '../../state/market.ts';
import { throttled } from '../../state/throttle.ts';
import { useResource } from '../../state/use-resource.ts';
import { PageHead } from '../../ui/parts.tsx';
import { Shown } from '../../ui/state.tsx';
import { Figures } from './figures.tsx';
import { Movers, Tiers } from './standing.tsx';
import { Pools } from './pools.tsx';
import { OverTime } from './over-time.tsx';
import { Queues } from './queues.tsx';

const WINDOWS = [
  ['1m', 'minute'],
  ['1h', 'hour'],
  ['24h', 'day'],
  ['7d', 'week'],
  ['30d', 'month'],
] as const;

const REFRESH_MS = 1_500;
/** Figures of now and the last bucket change although nothing happens. */
const PERIOD_MS = 10_000;
const MOVERS_WINDOW = '7d';
const AGENTS_READ = 200;

export function MarketView() {
  const [window, setWindow] = useState<string>('1h');
  const stats = useResource((api, signal) => api.stats({ window, signal }), [window]);
  const series = useResource((api, signal) => api.series({ window, signal }), [window]);
  const tiers = useResource((api, signal) => api.tiers({ signal }), []);
  const movers = useResource((api, signal) => api.movers({ window: MOVERS_WINDOW, signal }), []);
  const agents = useResource((api, signal) => api.agents({ limit: AGENTS_READ, signal }), []);
  useEffect(() => {
    const all = [stats, series, tiers, movers, agents];
    const refresh = throttled(() => Promise.all(all.map((one) => one.reload())), REFRESH_MS);
    const unsubscribe = subscribe({ event: refresh.ask, caughtUp: refresh.ask });
    const timer = setInterval(refresh.ask, PERIOD_MS);
    return () => {
      unsubscribe();
      clearInterval(timer);
      refresh.cancel();
    };
  }, [stats.reload]);
  return (
    <>
      <PageHead title="Market" sub="How much is done, how well, and by whom.">
        <div class="segments" role="group" aria-label="Window">
          {WINDOWS.map(([value, name]) => (
            <button key={value} type="button" aria-pressed={value === window} onClick={() => setWindow(value)}>
              {name}
            </button>
          ))}
        </div>
      </PageHead>
      <div class="market">
        <Shown of={stats} what="the market’s figures">
          {(value) => <Figures window={value} now={recentStats.value.at(-1) ?? value} />}
        </Shown>
        <OverTime of={series} />
        <div class="halves">
          <Tiers of={tiers} />
          <Queues of={stats} recent={recentStats.value} />
          <Pools of={agents} />
          <Movers of={movers} />
        </div>
      </div>
    </>
  );
}
