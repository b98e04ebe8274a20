import { number } from '../format.ts';

const WIDTH = 84;
const HEIGHT = 24;

/** A line of values at equal distances; its words are its label. */
export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  const [first] = values;
  if (first === undefined) return <span class="muted">–</span>;
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  const y = (value: number) => (span === 0 ? HEIGHT / 2 : HEIGHT - 3 - ((value - low) / span) * (HEIGHT - 6));
  const step = WIDTH / Math.max(1, values.length - 1);
  const shown = values.length === 1 ? [first, first] : values;
  const points = shown.map((value, index) => `${number(Math.min(WIDTH, index * step), 1)},${number(y(value), 1)}`);
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={label}
    >
      <polyline points={points.join(' ')} />
    </svg>
  );
}
