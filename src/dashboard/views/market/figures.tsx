import type { MarketStats } from '../../../sdk/index.ts';
import { duration, number, percent, share } from '../../format.ts';

interface FiguresProps {
  /** What happened within the window. */
  window: MarketStats;
  /** The newest that is known of how things stand. */
  now: MarketStats;
}

/** The market's ten figures. */
export function Figures({ window, now }: FiguresProps) {
  const figures: [string, string, string][] = [
    ['Tasks a second', number(window.tasksPerSecond, 3), 'ended'],
    ['Duration', duration(window.avgTaskDurationMs), 'mean, submitted to completed'],
    ['Success', share(window.successRate), 'of ended tasks'],
    ['Quality', number(window.avgQuality, 1), 'mean of what is measured'],
    ['Team size', number(window.avgTeamSize, 2), 'mean'],
    ['In parallel', share(window.parallelExecutionRate), 'of ended tasks'],
    ['Load', percent(now.avgAgentLoadPercent), 'mean of the agents, now'],
    ['Peak load', percent(now.peakAgentLoadPercent), 'of one agent, now'],
    ['Reputation', number(now.avgReputation, 1), 'mean of the agents, now'],
    ['Spread', number(now.reputationStdDev, 1), 'standard deviation, now'],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value, about]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="num">{value}</dd>
          <dd class="about">{about}</dd>
        </div>
      ))}
    </dl>
  );
}
