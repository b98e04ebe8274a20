export interface LoopOptions {
  /** Runs again at the latest after this long: the net under the wake-ups. */
  periodMs: number;
  /** After an error the next run waits this long. */
  retryMs: number;
  /** After a run the next waits at least this long, so that it does the work of many wake-ups; default 0. */
  restMs?: number;
  /** Told of the first failure in a row, the second, the fourth, the eighth …: a store that is away fills no log. */
  onError: (error: unknown, failuresInARow: number) => void;
}

/** Runs `body` whenever it is woken, one run at a time; a wake-up during a run makes it run once more. */
export class Loop {
  private wanted = false;
  private failures = 0;
  private stopped = false;
  private sleeper: (() => void) | undefined;
  private ender: (() => void) | undefined;
  private readonly done: Promise<void>;
  private readonly body: () => Promise<void>;
  private readonly options: LoopOptions;

  constructor(body: () => Promise<void>, options: LoopOptions) {
    this.body = body;
    this.options = options;
    this.done = this.run();
  }

  wake(): void {
    this.wanted = true;
    this.sleeper?.();
  }

  /** Resolves when the run under way has ended; none follows. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.sleeper?.();
    this.ender?.();
    await this.done;
  }

  private async run(): Promise<void> {
    await Promise.resolve();
    while (!this.stopped) {
      this.wanted = false;
      let pauseMs = this.options.periodMs;
      try {
        await this.body();
        this.failures = 0;
      } catch (error) {
        this.failures += 1;
        if (Number.isInteger(Math.log2(this.failures))) this.options.onError(error, this.failures);
        pauseMs = this.options.retryMs;
        this.wanted = false;
      }
      await this.rest(this.options.restMs ?? 0);
      if (this.mayRest()) await this.sleep(pauseMs);
    }
  }

  /** A sleep that only `stop` ends. */
  private async rest(ms: number): Promise<void> {
    if (ms === 0 || this.stopped) return;
    const resting = this.sleep(ms);
    this.ender = this.sleeper;
    this.sleeper = undefined;
    await resting;
    this.ender = undefined;
  }

  private mayRest(): boolean {
    return !this.wanted && !this.stopped;
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.sleeper = undefined;
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.sleeper = wake;
    });
  }
}
