import type { AgentView, Page } from '../../../sdk/index.ts';
import { duration, number, percent } from '../../format.ts';
import { poolsOf, type PoolView } from '../../pools.ts';
import type { Resource } from '../../state/use-resource.ts';
import { Card, Dot, Meter } from '../../ui/parts.tsx';
import { Shown } from '../../ui/state.tsx';

export function Pools({ of }: { of: Resource<Page<AgentView>> }) {
  return (
    <Card title="Pools and replicas">
      <Shown of={of} what="the pools">
        {({ items, nextCursor }) => {
          const pools = poolsOf(items);
          if (pools.length === 0) return <p class="muted">No pool has joined.</p>;
          return (
            <>
              <ul class="pools">
                {pools.map((pool) => (
                  <Pool key={pool.name} pool={pool} />
                ))}
              </ul>
              {nextCursor !== null && <p class="hint">Of the first {number(items.length, 0)} agents.</p>}
            </>
          );
        }}
      </Shown>
    </Card>
  );
}

function Pool({ pool }: { pool: PoolView }) {
  const { name, agents, replicas, healthyReplicas, reservedSlots, slots } = pool;
  const used = (100 * reservedSlots) / Math.max(1, slots);
  return (
    <li>
      <div class="pool-head">
        <strong>{name}</strong>
        <Dot tone={replicas.length > 0 && healthyReplicas === replicas.length ? 'good' : 'bad'}>
          {healthyReplicas} of {replicas.length} healthy
        </Dot>
      </div>
      <div class="pool-use">
        <Meter percent={used} label={`${percent(used)} of its slots in use`} />
        <span class="muted num">
          {number(reservedSlots, 0)} of {number(slots, 0)} slots, {number(agents, 0)} agents
        </span>
      </div>
      {replicas.map((replica) => (
        <p key={replica.id} class="hint num">
          loop {duration(replica.eventLoopDelayMs)}, memory {percent(replica.memoryPercent)}
          {replica.reason !== null && `, ${replica.reason}`}
        </p>
      ))}
    </li>
  );
}
