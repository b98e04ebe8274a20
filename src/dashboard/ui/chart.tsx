import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { instantWithin } from '../format.ts';
import { palette } from '../state/theme.ts';

export interface Series {
  name: string;
  values: readonly (number | null)[];
  /** A colour of the palette, as `--accent`. */
  color: string;
  kind: 'line' | 'steps' | 'bars';
  /** Absent: a plain number. */
  format?: (value: number) => string;
}

interface ChartProps {
  /** What it shows, in words: a canvas says nothing by itself. */
  label: string;
  /** Unix seconds, ascending. */
  times: readonly number[];
  series: readonly Series[];
  height?: number;
  /** Fixed ends of the vertical axis. */
  range?: [number, number];
}

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { label, times, series, height = 180 } = props;
  const shape = series.map(({ name, kind, color }) => `${name} ${kind} ${color}`).join();
  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const made = new uPlot(optionsOf(props, element), dataOf(times, series), element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, [palette.value, shape, height]);
  useEffect(() => plot.current?.setData(dataOf(times, series)), [times, series]);
  return (
    <figure class="chart">
      <div ref={host} role="img" aria-label={label} style={{ height: `${height}px` }} />
      {series.length > 1 && (
        <figcaption>
          {series.map(({ name, color }) => (
            <span key={name}>
              <span class="swatch" style={{ background: `var(${color})` }} />
              {name}
            </span>
          ))}
        </figcaption>
      )}
    </figure>
  );
}

function dataOf(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [[...times], ...series.map(({ values }) => [...values])];
}

function optionsOf({ series, height = 180, range }: ChartProps, element: HTMLElement): uPlot.Options {
  const ink = resolved(element, '--ink-soft');
  const grid = { stroke: resolved(element, '--line'), width: 1 };
  const axis = { stroke: ink, grid, ticks: { show: false }, font: '12px "Inter Variable", sans-serif' };
  const format = series[0]?.format ?? String;
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    scales: { y: { range: (_plot, low, high) => range ?? [Math.min(0, low), Math.max(1, high * 1.12)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 70, values: timesOf },
      { ...axis, size: 58, space: 36, values: (_plot, splits) => splits.map(format) },
    ],
    series: [{}, ...series.map((one) => lineOf(one, element))],
  };
}

/** In the words of the rest of the page, as fine as the span asks. */
function timesOf(_plot: uPlot, splits: number[]): string[] {
  const spanSeconds = (splits.at(-1) ?? 0) - (splits[0] ?? 0);
  return splits.map((seconds) => instantWithin(spanSeconds * 1_000, seconds * 1_000));
}

function lineOf({ name, color, kind }: Series, element: HTMLElement): uPlot.Series {
  const stroke = resolved(element, color);
  const { bars, stepped } = uPlot.paths;
  const line = { label: name, stroke, width: 2, points: { show: false }, spanGaps: false };
  if (kind === 'bars' && bars !== undefined)
    return { ...line, width: 0, fill: stroke, paths: bars({ size: [0.72, 24] }) };
  if (kind === 'steps' && stepped !== undefined) return { ...line, paths: stepped({ align: 1 }) };
  return line;
}

/** A canvas knows no custom properties and no light-dark(): the element's own style resolves them. */
function resolved(element: HTMLElement, color: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${color})`;
  element.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
