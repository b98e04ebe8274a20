import type { MoversReport, Tier, TiersReport } from '../../../sdk/index.ts';
import { number, share, signed } from '../../format.ts';
import type { Resource } from '../../state/use-resource.ts';
import { AgentLink, Card, Facts, Meter, TierMark } from '../../ui/parts.tsx';
import { Shown } from '../../ui/state.tsx';

const TIERS: readonly Tier[] = ['Elite', 'Expert', 'Competent', 'Developing', 'Needs Improvement'];

export function Tiers({ of }: { of: Resource<TiersReport> }) {
  return (
    <Card title="Tiers and concentration">
      <Shown of={of} what="the tiers">
        {({ tiers, agents, mean, standardDeviation, concentration }) => (
          <>
            <ul class="tier-list">
              {TIERS.map((tier) => (
                <li key={tier}>
                  <TierMark of={tier} />
                  <Meter
                    percent={(100 * tiers[tier]) / Math.max(1, agents)}
                    label={`${tiers[tier]} of ${agents} agents`}
                  />
                  <span class="num right">{number(tiers[tier], 0)}</span>
                </li>
              ))}
            </ul>
            <Facts
              of={[
                ['Mean', `${number(mean, 1)}, standard deviation ${number(standardDeviation, 1)}`],
                ['Top 10 %', `${share(concentration.top10PercentShare)} of ${number(concentration.awards, 0)} awards`],
                [
                  'HHI',
                  `${number(concentration.hhi, 3)}; 1 is all to one, ${number(1 / Math.max(1, agents), 3)} all alike`,
                ],
              ]}
            />
          </>
        )}
      </Shown>
    </Card>
  );
}

type Mover = MoversReport['rises'][number];

export function Movers({ of }: { of: Resource<MoversReport> }) {
  return (
    <Card title="Movers" aside={<span class="muted">7 days</span>}>
      <Shown of={of} what="the movers">
        {({ rises, falls }) =>
          rises.length + falls.length === 0 ? (
            <p class="muted">No reputation has moved.</p>
          ) : (
            <ul class="rows">
              {[...rises, ...falls].map((mover) => (
                <Line key={mover.agentId} mover={mover} />
              ))}
            </ul>
          )
        }
      </Shown>
    </Card>
  );
}

function Line({ mover }: { mover: Mover }) {
  return (
    <li>
      <AgentLink id={mover.agentId} />
      <span class="muted num">
        {number(mover.before)} → {number(mover.after)}
      </span>
      <span class={`num ${mover.change < 0 ? 'bad-text' : 'good-text'}`}>{signed(mover.change)}</span>
    </li>
  );
}
