import { useMemo } from 'preact/hooks';
import type { MarketStats, TaskStatus } from '../../../sdk/index.ts';
import { number, wholeTick } from '../../format.ts';
import type { Resource } from '../../state/use-resource.ts';
import { Chart, type Series } from '../../ui/chart.tsx';
import { Card, Facts, Status } from '../../ui/parts.tsx';
import { Shown } from '../../ui/state.tsx';

const OPEN: readonly TaskStatus[] = ['accepted', 'announced', 'awarded', 'running', 'synthesizing', 'escalated'];

/** What waits, and what is under way: now, and since this page follows the market. */
export function Queues({ of, recent }: { of: Resource<MarketStats>; recent: readonly MarketStats[] }) {
  return (
    <Card title="Queues" aside={<span class="muted">now</span>}>
      <Shown of={of} what="the queues">
        {(stats) => {
          const now = recent.at(-1) ?? stats;
          return (
            <>
              {recent.length > 1 && <Recent of={recent} />}
              <Facts
                of={[
                  ['To award', number(now.queueDepth, 0)],
                  ...OPEN.filter((status) => (now.tasksByStatus[status] ?? 0) > 0).map(
                    (status) => [<Status key={status} of={status} />, number(now.tasksByStatus[status], 0)] as const,
                  ),
                ]}
              />
            </>
          );
        }}
      </Shown>
    </Card>
  );
}

function Recent({ of }: { of: readonly MarketStats[] }) {
  const { times, series } = useMemo(() => {
    const open = (stats: MarketStats) => OPEN.reduce((sum, status) => sum + (stats.tasksByStatus[status] ?? 0), 0);
    const lines: Series[] = [
      {
        name: 'open tasks',
        values: of.map(open),
        color: '--accent',
        kind: 'steps',
        format: wholeTick,
      },
      {
        name: 'waiting for an award',
        values: of.map((stats) => stats.queueDepth),
        color: '--part-load',
        kind: 'steps',
      },
    ];
    return { times: of.map((stats) => Date.parse(stats.at) / 1_000), series: lines };
  }, [of]);
  const last = of.at(-1);
  const label = `Open tasks since this page was opened; ${number(last?.queueDepth ?? 0, 0)} wait for an award now`;
  return <Chart label={label} times={times} series={series} height={130} />;
}
