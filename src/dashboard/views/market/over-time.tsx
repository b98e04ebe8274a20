import { useMemo } from 'preact/hooks';
import type { MarketSeries } from '../../../sdk/index.ts';
import { duration, number, plural, wholeTick } from '../../format.ts';
import type { Resource } from '../../state/use-resource.ts';
import { Chart, type Series } from '../../ui/chart.tsx';
import { Card } from '../../ui/parts.tsx';
import { Shown } from '../../ui/state.tsx';

export function OverTime({ of }: { of: Resource<MarketSeries> }) {
  return (
    <div class="halves">
      <Card title="Throughput">
        <Shown of={of} what="the throughput">
          {(series) => <Throughput of={series} />}
        </Shown>
      </Card>
      <Card title="Duration of completed tasks">
        <Shown of={of} what="the durations">
          {(series) => <Durations of={series} />}
        </Shown>
      </Card>
    </div>
  );
}

const timesOf = ({ points }: MarketSeries) => points.map((point) => Date.parse(point.at) / 1_000);

/** Bars are drawn over one another, so the one behind has what is before it added. */
function Throughput({ of }: { of: MarketSeries }) {
  const { times, series, label } = useMemo(() => {
    const { points } = of;
    const completed = points.map((point) => point.completed);
    const ended = points.map((point) => point.completed + point.failed);
    const failedCount = sum(points.map((point) => point.failed));
    const shown: Series[] = [
      { name: 'failed', values: ended, color: '--bad', kind: 'bars', format: wholeTick },
      { name: 'completed', values: completed, color: '--part-skill', kind: 'bars' },
    ];
    const each = `each bar is ${duration(of.bucketMs)}`;
    const words = `${plural(sum(completed), 'task')} completed and ${number(failedCount, 0)} failed over ${duration(of.windowMs)}; ${each}`;
    return { times: timesOf(of), series: shown, label: words };
  }, [of]);
  return (
    <>
      <Chart label={label} times={times} series={series} />
      <p class="hint">{label}.</p>
    </>
  );
}

function Durations({ of }: { of: MarketSeries }) {
  const { times, series, label } = useMemo(() => {
    const values = of.points.map((point) => point.avgTaskDurationMs);
    const known = values.filter((value) => value !== null);
    const shown: Series[] = [{ name: 'mean', values, color: '--accent', kind: 'bars', format: duration }];
    const words =
      known.length === 0
        ? 'Nothing was completed'
        : `Means of ${duration(of.bucketMs)} each, from ${duration(Math.min(...known))} to ${duration(Math.max(...known))}`;
    return { times: timesOf(of), series: shown, label: words };
  }, [of]);
  return (
    <>
      <Chart label={label} times={times} series={series} />
      <p class="hint">{label}.</p>
    </>
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
