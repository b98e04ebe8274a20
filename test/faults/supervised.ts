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
  #death = Promise.withResolvers<undefined>();
  #isUp = false;
  #expected = false;
  #crashAt: string | undefined;
  #stopping = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.url = `http://127.0.0.1:${options.env['PORT'] ?? ''}`;
    this.#options = options;
    process.once('exit', () => this.#child?.kill('SIGKILL'));
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
    this.#expected = true;
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
   * The present process is killed, and the next one dies at this crash point, `name:n`. True when it has; false if it has not
   * come by within `patienceMs`: it is then replaced by one that is not armed.
   */
  async crashAt(point: string, patienceMs: number): Promise<boolean> {
    const killed = this.#death.promise;
    this.#crashAt = point;
    if (!this.kill()) return false;
    await killed;
    const crashed = this.#death.promise.then(() => true);
    const patience = this.up().then(() => delay(patienceMs, false, { ref: false }));
    const done = await Promise.race([crashed, patience]);
    if (!done) this.kill();
    return done;
  }

  /** Ends it for good, by SIGTERM. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#expected = true;
    this.#child?.kill('SIGCONT');
    this.#child?.kill('SIGTERM');
    const impatience = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_GRACE_MS);
    await this.#ended;
    clearTimeout(impatience);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping()) {
      await this.#runOnce();
      if (!this.#isStopping()) await delay(RESTART_MS);
    }
  }

  #isStopping(): boolean {
    return this.#stopping;
  }

  async #runOnce(): Promise<void> {
    const { root, args, env, nodeArgs = [] } = this.#options;
    const crashAt = this.#crashAt;
    this.#crashAt = undefined;
    this.#expected = crashAt !== undefined;
    const program = path.join(root, 'src/bin/swarmbid.ts');
    const child = spawn(process.execPath, [...nodeArgs, program, ...args], {
      cwd: root,
      env: crashAt === undefined ? env : { ...env, CRASH_AT: crashAt },
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
    this.exits.push({
      process: this.name,
      code,
      signal,
      wasUp,
      expected: this.#expected,
      storesAway,
      lastLines: this.lines.slice(-8),
    });
    if (wasUp) this.#up = Promise.withResolvers<undefined>();
    this.#isUp = false;
    this.#death.resolve(undefined);
    this.#death = Promise.withResolvers<undefined>();
  }

  #hear(line: string): void {
    this.lines.push(line);
    if (this.lines.length > LINES_KEPT) this.lines.shift();
    if (/nobody caught|[Uu]nhandled/.test(line)) this.uncaught.push(line);
    if (line === 'Swarmbid is up.') {
      this.#isUp = true;
      this.#up.resolve(undefined);
    }
  }
}
