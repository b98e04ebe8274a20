import cliProgress, { type MultiBar, type SingleBar } from 'cli-progress';
import type { Colors, OutputStream } from './colors.ts';

const CLEAR_BELOW = '\u001b[J';
/** The bars turn wrapping off; a line above them must not be cut. */
const WRAP_ON = '\u001b[?7h';
const WRAP_OFF = '\u001b[?7l';
const LABEL_WIDTH = 24;

export interface Progress {
  subtaskId: string;
  label: string;
  /** 0–100. */
  percent: number;
  note: string;
}

/** Lines that scroll, and below them the bars of the subtasks at work. */
export interface ProgressView {
  line(text: string): void;
  /** Lines that tell what a bar tells too: left out where there are bars. */
  lineWithoutBars(lines: readonly string[]): void;
  /** Moves the subtask's bar, where there are bars. */
  progress(progress: Progress): void;
  /** Leaves the bars as they stand; what follows is lines, until there is progress again. */
  settle(): void;
}

/** Bars on a terminal; elsewhere lines alone. */
export function createProgressView(stream: OutputStream, colors: Colors): ProgressView {
  return stream.isTTY === true ? barsView(stream, colors) : linesView(stream);
}

function linesView(stream: OutputStream): ProgressView {
  const line = (text: string) => void stream.write(`${text}\n`);
  return {
    line,
    lineWithoutBars: (lines) => {
      lines.forEach(line);
    },
    progress: () => undefined,
    settle: () => undefined,
  };
}

function barsView(stream: OutputStream, colors: Colors): ProgressView {
  let bars: MultiBar | null = null;
  const barOf = new Map<string, SingleBar>();
  return {
    line: (text) => {
      if (bars === null) stream.write(`${text}\n`);
      else bars.log(`${CLEAR_BELOW}${WRAP_ON}${text}\n${WRAP_OFF}`);
    },
    lineWithoutBars: () => undefined,
    progress: ({ subtaskId, label, percent, note }) => {
      bars ??= newBars(stream, colors);
      const payload = { label: label.padEnd(LABEL_WIDTH), note };
      const bar = barOf.get(subtaskId) ?? bars.create(100, 0, payload);
      barOf.set(subtaskId, bar);
      bar.update(Math.round(percent), payload);
    },
    settle: () => {
      bars?.update();
      bars?.stop();
      bars = null;
      barOf.clear();
    },
  };
}

function newBars(stream: OutputStream, colors: Colors): MultiBar {
  return new cliProgress.MultiBar({
    stream,
    format: `           {label} ${colors.cyan('{bar}')} {percentage} %  {note}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: false,
    // A line written above moves the bars: they are drawn again also where they have not changed.
    forceRedraw: true,
    gracefulExit: true,
  });
}
