import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const RESTART_MS = 50;
const STOP_GRACE_MS = 20_000;
const LINES_KEPT = 400;

export interface Exit {
  process: string;
  code: number | null;
  signal: NodeJS.Signals | null;
  /** It was up when it ended; else it never got that far. */
  wasUp: boolean;
  /** We have killed it, or had told it to die at a crash point. */
  expected: boolean;
  /** A store was away, by our doing, while it started. */
  storesAway: boolean;
  lastLines: string[];
}

export interface SupervisedOptions {
  name: string;
  /** Where `src/bin/swarmbid.ts` is found. */
  root: string;
  args: string[];
  nodeArgs?: string[];
  env: NodeJS.ProcessEnv;
  storesAway: () => boolean;
}

/** One process of the market that is started again whenever it has ended, as an init system would. */
export class Supervised {
  readonly name: string;
  readonly url: string;
  exits: Exit[] = [];
  readonly lines: string[] = [];
  /** What it said of errors that nobody caught. */
  uncaught: string[] = [];
  readonly #options: SupervisedOptions;
  #child: ChildProcess | undefined;
  #up = Promise.withResolvers<undefined>();
  /** An armed process has come up. */
  #armedUp = Promise.withResolvers<undefined>();
  #isArmed = false;
  #isUp = false;
  /** The end of the present process is of our making. */
  #killed = false;
  /** Where its processes die, until one has. */
  #crash: { point: string; onCrash: () => void } | undefined;
  #stopping = false;
  #ended: Promise<void> = Promise.resolve();
  readonly #killWithUs = (): void => void this.#child?.kill('SIGKILL');

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.url = `http://127.0.0.1:${options.env['PORT'] ?? ''}`;
    this.#options = options;
    process.once('exit', this.#killWithUs);
  }

  /** There is a process, up or not. */
  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Of a process that is up. */
  get pid(): number | undefined {
    return this.#isUp ? this.#child?.pid : undefined;
  }

  /** What has been looked at is not looked at again. */
  forget(): void {
    this.exits = [];
    this.uncaught = [];
  }

  start(): void {
    this.#stopping = false;
    this.#ended = this.#run();
  }

  /** Resolves when the process that runs now, or the next one, has said that it is up. */
  up(): Promise<undefined> {
    return this.#up.promise;
  }

  /** Ends it without a word; it comes back by itself. False if there was nothing to kill. */
  kill(): boolean {
    if (this.#child === undefined) return false;
    this.#killed = true;
    return this.#child.kill('SIGKILL');
  }

  /** Stopped like a process that its machine forgets, and let go on after `ms`. */
  async freeze(ms: number): Promise<void> {
    const child = this.#child;
    child?.kill('SIGSTOP');
    await delay(ms);
    child?.kill('SIGCONT');
  }

  /**
   * The present process is killed, and one after it dies at this crash point, `name:n`. True when it has; false if it has not
   * come by within `patienceMs` of being up, and it is then replaced by one that is not armed.
   */
  async crashAt(point: string, patienceMs: number): Promise<boolean> {
    const crashed = Promise.withResolvers<boolean>();
    this.#armedUp = Promise.withResolvers<undefined>();
    this.#crash = { point, onCrash: () => crashed.resolve(true) };
    this.kill();
    const patience = this.#armedUp.promise.then(() => delay(patienceMs, false, { ref: false }));
    const done = await Promise.race([crashed.promise, patience]);
    this.#crash = undefined;
    if (!done) this.kill();
    return done;
  }

  get armed(): boolean {
    return this.#crash !== undefined;
  }

  /** Ends it for good, by SIGTERM. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#killed = true;
    this.#child?.kill('SIGCONT');
    this.#child?.kill('SIGTERM');
    const impatience = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_GRACE_MS);
    await this.#ended;
    clearTimeout(impatience);
    process.off('exit', this.#killWithUs);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping()) {
      await this.#runOnce();
      if (!this.#isStopping()) await delay(RESTART_MS);
    }
  }

  // Methods, since these change while the loop waits.
  #isStopping(): boolean {
    return this.#stopping;
  }

  #wasKilled(): boolean {
    return this.#killed;
  }

  async #runOnce(): Promise<void> {
    const { root, args, env, nodeArgs = [] } = this.#options;
    const crash = this.#crash;
    this.#killed = false;
    this.#isArmed = crash !== undefined;
    const program = path.join(root, 'src/bin/swarmbid.ts');
    const child = spawn(process.execPath, [...nodeArgs, program, ...args], {
      cwd: root,
      env: crash === undefined ? env : { ...env, CRASH_AT: crash.point },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const awayAtStart = this.#options.storesAway();
    const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#hear(line));
    }
    const [code, signal] = await closed;
    this.#child = undefined;
    const storesAway = awayAtStart || this.#options.storesAway();
    const wasUp = this.#isUp;
    const byUs = this.#wasKilled();
    this.exits.push({
      process: this.name,
      code,
      signal,
      wasUp,
      expected: byUs || (crash !== undefined && signal === 'SIGKILL'),
      storesAway,
      lastLines: this.lines.slice(-8),
    });
    if (wasUp) this.#up = Promise.withResolvers<undefined>();
    this.#isUp = false;
    if (crash !== undefined && !byUs && signal === 'SIGKILL') {
      this.#crash = undefined;
      crash.onCrash();
    }
  }

  #hear(line: string): void {
    this.lines.push(line);
    if (this.lines.length > LINES_KEPT) this.lines.shift();
    if (/nobody caught|[Uu]nhandled/.test(line)) this.uncaught.push(line);
    if (line === 'Swarmbid is up.') {
      this.#isUp = true;
      this.#up.resolve(undefined);
      if (this.#isArmed) this.#armedUp.resolve(undefined);
    }
  }
}
