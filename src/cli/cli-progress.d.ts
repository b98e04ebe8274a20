/** The part of cli-progress 3 that is used here; the package brings no types of its own. */
declare module 'cli-progress' {
  export interface BarOptions {
    format: string;
    stream: NodeJS.WritableStream;
    barCompleteChar: string;
    barIncompleteChar: string;
    hideCursor: boolean;
    clearOnComplete: boolean;
    forceRedraw: boolean;
    gracefulExit: boolean;
  }

  export interface SingleBar {
    update(value: number, payload?: object): void;
  }

  export class MultiBar {
    constructor(options: Partial<BarOptions>);
    create(total: number, startValue: number, payload?: object): SingleBar;
    /** Buffered until the next redraw; must end in a newline. */
    log(text: string): void;
    /** Redraws at once. */
    update(): void;
    stop(): void;
  }

  const cliProgress: { MultiBar: typeof MultiBar };
  export default cliProgress;
}
